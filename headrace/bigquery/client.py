"""The one BigQuery client that SQLMesh, Ibis, shipping and the server share; on the emulator with its gaps mended."""

from __future__ import annotations

import re
from typing import IO, Any

import google.auth
from google.api_core.client_options import ClientOptions
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import bigquery
from google.oauth2 import service_account

from headrace.errors import WarehouseError
from headrace.gateways import BigQueryConnection

SCOPES = ("https://www.googleapis.com/auth/bigquery",)
_RETRY = Retry(timeout=10.0)
"""For the emulator, which is on this machine."""

_QUOTED_VIEW = re.compile(r"`(INFORMATION_SCHEMA\.\w+)`", re.IGNORECASE)
_CAST_COLUMN = re.compile(r"CAST\((?P<column>`\w+`(\.`\w+`)*) AS NUMERIC\)")
_LEADING_COMMENT = re.compile(r"\A\s*/\*.*?\*/\s*", re.DOTALL)


def open_client(connection: BigQueryConnection) -> bigquery.Client:
    """A client for the gateway's project. Raises WarehouseError where there are no credentials."""
    labels = bigquery.QueryJobConfig(labels=dict(connection.labels))
    loading = bigquery.LoadJobConfig(labels=dict(connection.labels))
    if connection.is_emulator:
        return EmulatorClient(
            project=connection.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options=ClientOptions(api_endpoint=connection.endpoint),
            default_query_job_config=labels,
            default_load_job_config=loading,
        )
    if connection.maximum_bytes_billed is not None:
        labels.maximum_bytes_billed = connection.maximum_bytes_billed
    credentials, default_project = _credentials(connection)
    project = connection.project or default_project
    if project is None:
        raise WarehouseError(f"gateway {connection.name}: no project is known: set its `project` in config.yaml")
    return GatewayClient(
        connection,
        project=project,
        credentials=credentials,
        location=connection.location,
        default_query_job_config=labels,
        default_load_job_config=loading,
    )


def _credentials(connection: BigQueryConnection) -> tuple[Credentials, str | None]:
    """The service account's, or those that `gcloud auth application-default login` left."""
    try:
        if connection.keyfile:
            found = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
                connection.keyfile, scopes=SCOPES
            )
            return found, found.project_id
        found, project = google.auth.default(scopes=SCOPES)
    except (OSError, ValueError) as error:
        raise WarehouseError(
            f"gateway {connection.name}: the key file {connection.keyfile} cannot be read: {error}"
        ) from error
    except DefaultCredentialsError as error:
        raise WarehouseError(
            f"gateway {connection.name}: there are no credentials for BigQuery: "
            "run `gcloud auth application-default login`, "
            f"or set method service-account and keyfile of the gateway ({error})"
        ) from error
    return found, project


class GatewayClient(bigquery.Client):
    """A client that waits for answers, and tries again, as long as the gateway says."""

    def __init__(self, connection: BigQueryConnection, **options: Any) -> None:
        super().__init__(**options)
        self._patience = connection.job_retry_deadline_seconds
        self._answer_seconds = connection.job_creation_timeout_seconds

    def query(self, query: str, *arguments: Any, **options: Any) -> bigquery.QueryJob:
        """The client itself would begin the job again and again for ten more minutes."""
        return super().query(query, *arguments, **{"job_retry": None, **options})

    def _call_api(self, retry: Any, *arguments: Any, **options: Any) -> Any:
        """The client itself waits for ever for an answer, and tries for ten minutes."""
        options["timeout"] = options.get("timeout") or self._answer_seconds
        return super()._call_api(retry and retry.with_timeout(self._patience), *arguments, **options)


class EmulatorClient(bigquery.Client):
    """A client of the emulator. Each override says which gap it mends."""

    def query(self, query: str, *arguments: Any, **options: Any) -> bigquery.QueryJob:
        """Gaps: quoted `INFORMATION_SCHEMA.X` is not found, and a comment in front hides what kind a statement is.

        A cast to NUMERIC, which has nine decimals in BigQuery and takes no precision there, keeps three; a parsed one
        keeps them all.
        """
        mended = _QUOTED_VIEW.sub(r"\1", _LEADING_COMMENT.sub("", query))
        mended = _CAST_COLUMN.sub(r"PARSE_NUMERIC(CAST(\g<column> AS STRING))", mended)
        return super().query(mended, *arguments, **{"job_retry": None, **options})

    def load_table_from_file(self, file_obj: IO[bytes], *arguments: Any, **options: Any) -> bigquery.LoadJob:
        """Gap: only resumable uploads are understood, and `size` makes it a single one."""
        options["size"] = None
        return super().load_table_from_file(file_obj, *arguments, **options)

    def _call_api(self, retry: Any, *arguments: Any, **options: Any) -> Any:
        """Not a gap: the client goes on for ten minutes when nobody listens, and the emulator may not be running."""
        return super()._call_api(retry and _RETRY, *arguments, **options)

    def _ensure_bqstorage_client(self, *_: Any, **__: Any) -> None:
        """Gap: there is no Storage API; rows come over REST."""
