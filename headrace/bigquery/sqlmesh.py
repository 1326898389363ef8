"""SQLMesh's connections to BigQuery and to the emulator: its own, with our client in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from sqlglot import exp
from sqlmesh.core.config import connection as connections
from sqlmesh.core.config.connection import BigQueryConnectionConfig
from sqlmesh.core.engine_adapter.base import EngineAdapter
from sqlmesh.core.engine_adapter.bigquery import BigQueryEngineAdapter
from sqlmesh.core.model.kind import TimeColumn
from sqlmesh.core.node import IntervalUnit
from sqlmesh.utils.date import to_datetime

from headrace.bigquery.client import open_client
from headrace.gateways import BIGQUERY, EMULATOR, BigQueryConnection

if TYPE_CHECKING:
    from sqlmesh.core.engine_adapter._typing import QueryOrDF
    from sqlmesh.utils.date import TimeLike

DAYS_OF_A_JOB = 3650
"""Tables have a partition a day, and a job may change 4,000: https://cloud.google.com/bigquery/quotas#partitioned_tables"""


_SHARED = (
    "project", "location", "keyfile", "labels", "endpoint",
    "job_creation_timeout_seconds", "job_retry_deadline_seconds",
)  # fmt: skip


class GatewayConnection(BigQueryConnectionConfig):
    """SQLMesh's BigQuery connection, whose client is the one of the gateway."""

    labels: dict[str, str] = Field(default_factory=dict)
    endpoint: str | None = None

    @property
    def _static_connection_kwargs(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in _SHARED if getattr(self, name) is not None}
        method: Literal["oauth", "service-account"] = "service-account" if self.keyfile else "oauth"
        return {"client": open_client(BigQueryConnection(type=self.type_, method=method, **given))}

    @property
    def _extra_engine_config(self) -> dict[str, Any]:
        return {**super()._extra_engine_config, "labels": self.labels}

    @property
    def _engine_adapter(self) -> type[EngineAdapter]:
        return GatewayAdapter


class EmulatorConnection(GatewayConnection):
    """The same for the emulator, of which SQLMesh knows nothing."""

    type_: Literal["bigquery_emulator"] = Field(alias="type", default="bigquery_emulator")  # type: ignore[assignment]

    register_comments: bool = False
    """Gap: its compiled parser, without which it is three times slower, fails on the descriptions of columns."""

    @property
    def _engine_adapter(self) -> type[EngineAdapter]:
        return EmulatorAdapter


class GatewayAdapter(BigQueryEngineAdapter):
    """SQLMesh's hands in BigQuery, with the gateway's labels on every job beside SQLMesh's own."""

    @property
    def _job_params(self) -> dict[str, Any]:
        own = super()._job_params
        return {**own, "labels": {**self._extra_config.get("labels", {}), **own.get("labels", {})}}

    def insert_overwrite_by_time_partition(
        self,
        table_name: str | exp.Table,
        query_or_df: QueryOrDF,
        start: TimeLike,
        end: TimeLike,
        time_formatter: Callable[[TimeLike, dict[str, exp.DataType] | None], exp.Expr],
        time_column: TimeColumn | exp.Expr | str,
        target_columns_to_types: dict[str, exp.DataType] | None = None,
        source_columns: list[str] | None = None,
        **options: Any,
    ) -> None:
        """Replace the rows from `start` to `end`, by as many jobs as their partitions ask for.

        A model's batches would do it too, but a conversion across the border of two would be lost: the rows are
        computed once, and moved span by span.
        """
        spans = list(spans_of_jobs(to_datetime(start), to_datetime(end)))
        if len(spans) == 1:
            super().insert_overwrite_by_time_partition(
                table_name, query_or_df, start, end, time_formatter, time_column, target_columns_to_types,
                source_columns, **options,
            )  # fmt: skip
            return
        column = exp.to_column(time_column) if isinstance(time_column, str) else time_column
        by_month: dict[str, Any] = {
            "partitioned_by": [column.column if isinstance(column, TimeColumn) else column],
            "partition_interval_unit": IntervalUnit.MONTH,
        }
        with self.temp_table(query_or_df, table_name, target_columns_to_types, source_columns, **by_month) as computed:
            for first, last in spans:
                super().insert_overwrite_by_time_partition(
                    table_name, exp.select("*").from_(computed), first, last, time_formatter, time_column,
                    target_columns_to_types, **options,
                )  # fmt: skip


class EmulatorAdapter(GatewayAdapter):
    """The same on the emulator. Each override says which gap of the emulator it mends."""

    SUPPORTS_CLONING = False
    """Gap: `CREATE TABLE ... CLONE` is not understood."""

    def _begin_session(self, properties: Any) -> None:
        """Gap: there are no sessions, and `SET @@query_label` is not understood."""


def spans_of_jobs(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From `start` to `end`, half-open, in spans whose days one job may change."""
    first = start
    while first + timedelta(days=DAYS_OF_A_JOB) < end:
        last = first + timedelta(days=DAYS_OF_A_JOB)
        yield first, last
        first = last
    yield first, end


def register() -> None:
    """Let SQLMesh's configuration know both types."""
    connections.CONNECTION_CONFIG_TO_TYPE[BIGQUERY] = GatewayConnection
    connections.CONNECTION_CONFIG_TO_TYPE[EMULATOR] = EmulatorConnection
    connections.DIALECT_TO_TYPE[EMULATOR] = BigQueryConnectionConfig.DIALECT
