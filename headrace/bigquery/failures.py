"""What BigQuery, its client and the network refuse: in BigQuery's own words, and with what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from headrace.errors import WarehouseError
from headrace.gateways import BigQueryConnection

FAILURES = (GoogleAPICallError, GoogleAuthError, RetryError, RequestException)
"""What the client raises when BigQuery refuses or cannot be reached."""

_PAGE = "docs/bigquery.md"
_BY_REASON: Mapping[str, str] = {
    "accessDenied": f"the account lacks a role: {_PAGE} lists those that are needed",
    "billingNotEnabled": "turn billing on for the project, or work within the sandbox's limits",
    "bytesBilledLimitExceeded": "it would read more than maximum_bytes_billed of the gateway: raise it, or read less",
    "notFound": "look at the gateway's project and location; tables are made by `headrace build`",
    "quotaExceeded": "a quota of the project is used up: wait until it is full again, or have it raised",
    "rateLimitExceeded": "too much at once: lower the gateway's concurrent_tasks, then run it again",
    "responseTooLarge": "the answer is too large: ask for fewer rows",
}
"""By the reasons of https://cloud.google.com/bigquery/docs/error-messages"""
_BY_CODE: Mapping[int, str] = {
    401: "the login is no longer valid: run `gcloud auth application-default login`, or renew the key file",
    403: _BY_REASON["accessDenied"],
    429: _BY_REASON["rateLimitExceeded"],
}
_REQUEST = re.compile(r"^[A-Z]+ https?://\S+: ")
"""Some messages begin with the URL that was asked."""
_LATER = "BigQuery has trouble of its own: run it again later, what is done stays done"


@contextmanager
def told(connection: BigQueryConnection) -> Iterator[None]:
    """Within, failures of BigQuery are WarehouseErrors that name the gateway and what to do."""
    try:
        yield
    except FAILURES as error:
        raise WarehouseError(explained(error, connection)) from error


def explained(error: Exception, connection: BigQueryConnection) -> str:
    """What went wrong; where it is not the statement's own fault, on which gateway, and what to do."""
    advice = _advice(error, connection)
    return f"gateway {connection.name}: {message_of(error)}: {advice}" if advice else message_of(error)


def message_of(error: Exception) -> str:
    """What went wrong in one line of BigQuery's own words, without the URL of the request."""
    cause = _cause(error)
    if isinstance(cause, RequestException):
        return "nobody answers"
    first = cause.args[0] if isinstance(cause, GoogleAuthError) and cause.args else cause
    text = _REQUEST.sub("", str(getattr(cause, "message", None) or first)).rstrip(".: ")
    return text.splitlines()[0] if text else type(cause).__name__


def _advice(error: Exception, connection: BigQueryConnection) -> str | None:
    cause = _cause(error)
    if isinstance(cause, GoogleAuthError):
        return _BY_CODE[401]
    if isinstance(cause, RequestException):
        if connection.is_emulator:
            return f"is the emulator running at {connection.endpoint}? `headrace emulator start` starts it"
        return "look at this machine's way to bigquery.googleapis.com (network, proxy, firewall), then run it again"
    if not isinstance(cause, GoogleAPICallError):
        return None
    reason = next((str(one.get("reason")) for one in cause.errors if isinstance(one, dict)), "")
    code = int(cause.code or 0)
    return _BY_REASON.get(reason) or _BY_CODE.get(code) or (_LATER if code >= 500 else None)


def _cause(error: Exception) -> Exception:
    """What the client tried again and again, until it gave up."""
    inner = error.cause if isinstance(error, RetryError) else None
    return inner if isinstance(inner, Exception) else error
