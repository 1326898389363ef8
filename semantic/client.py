"""The semantic layer from Python: a query is a lazy Ibis table, to compute with or to take as a data frame.

from headrace import connect

with connect() as m:
    rates = m.query(measures=["consent.consent_rate"], dimensions=["consent.industry"])
    rates.filter(rates.consent_rate < 0.5).to_polars()
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TypedDict

import duckdb
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend as DuckDBBackend
from ibis.backends.sql import SQLBackend

from headrace.errors import WarehouseError
from headrace.warehouse import PRODUCTION, DuckDBReader, Reader
from semantic.compiler import CompiledQuery, ResultColumn
from semantic.datamodel.types import Cube, DataModel, Dimension, Measure
from semantic.engine import Engine
from semantic.errors import QueryFormatError
from semantic.never_null import Proof, nothing_known
from semantic.query.types import Query
from semantic.results import Value
from semantic.rollups import Stock
from semantic.sql.literals import with_literals

Filter = Mapping[str, Any]
"""`{"member": ..., "operator": ..., "values": [...]}`, or a list of them under `and` or `or`."""


class TimeDimension(TypedDict, total=False):
    """A time dimension of a query, as in Cube's REST queries, and whether to have dates without rows too."""

    dimension: str
    granularity: str
    dateRange: str | Sequence[str]
    fillMissingDates: bool


class Client:
    """A data model over an open warehouse. `close()` it, or use it in a `with`: it keeps the warehouse file open.

    `backend` is the gateway's, and so is `reader`, which DuckDB does without.
    """

    def __init__(
        self,
        model: DataModel,
        backend: SQLBackend,
        *,
        reader: Reader | None = None,
        environment: str = PRODUCTION,
        rollups: Stock | None = None,
        never_null: Proof = nothing_known,
        security_context: Mapping[str, Any] | None = None,
        close: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.backend = backend
        """The Ibis backend: its own tables join and combine with the tables that `query` returns."""
        self._engine = Engine(
            model,
            reader or _reader(backend),
            environment=environment,
            rollups=rollups,
            never_null=never_null,
            clock=clock,
        )
        self._security_context = security_context
        self._close = close

    def query(
        self,
        *,
        measures: Sequence[str] = (),
        dimensions: Sequence[str] = (),
        time_dimensions: Sequence[TimeDimension] = (),
        filters: Sequence[Filter] = (),
        segments: Sequence[str] = (),
        order: Mapping[str, Literal["asc", "desc"]] | None = None,
        limit: int | None = None,
        offset: int = 0,
        timezone: str = "UTC",
        ungrouped: bool = False,
    ) -> ir.Table:
        """The rows of a query as a lazy Ibis table; nothing runs until it is asked for values.

        A column has its member's short name (`consent_rate`), time dimensions with the granularity (`occurred_at_month`),
        and the full one (`consent__company`) where two short ones would be the same. No limit unless one is given.
        Raises QueryError for members, operators or dates that are wrong.
        """  # noqa: E501
        asked = _payload(
            measures=list(measures),
            dimensions=list(dimensions),
            timeDimensions=[dict(one) for one in time_dimensions],
            filters=[dict(one) for one in filters],
            segments=list(segments),
            order=dict(order) if order is not None else None,
            limit=limit,
            offset=offset or None,
            timezone=timezone,
            ungrouped=ungrouped or None,
        )
        return self._table(self._compile(asked, default_limit=None, max_limit=None))

    def rest(self, payload: Mapping[str, Any]) -> ir.Table:
        """The rows of one of Cube's REST queries, given as its JSON object; the REST API's limits apply."""
        return self._table(self._compile(payload))

    def load(self, payload: Mapping[str, Any]) -> list[dict[str, Value]]:
        """The rows of a REST query exactly as the REST API answers it: numbers and times are texts."""
        result = self._engine.load(self._parse(payload), self._security_context)
        return list(result.rows)

    def sql(self, payload: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """The SQL of a REST query and the values bound to its `$1`, `$2`, ... (`@p1`, `@p2`, ... on BigQuery)."""
        compiled = self._compile(payload)
        return compiled.sql, compiled.parameters

    def meta(self) -> tuple[Cube, ...]:
        """The public cubes and views, with their members."""
        return tuple(cube for cube in self._engine.model.cubes.values() if cube.public)

    def members(self, view: str) -> dict[str, str]:
        """Public measures and dimensions of a view or cube, by full name, with what they mean."""
        cube = self._engine.model.cubes[view]
        found: list[Measure | Dimension] = [*cube.dimensions.values(), *cube.measures.values()]
        return {one.full_name: one.description or one.title for one in found if one.public}

    def close(self) -> None:
        """Release the warehouse; tables of this client can no longer be computed."""
        self._close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _parse(self, payload: Mapping[str, Any], **limits: int | None) -> Query:
        request = self._engine.parse(dict(payload), **limits)
        if len(request.queries) != 1:
            raise QueryFormatError(
                "compareDateRange gives several results: ask one query for each range", place="timeDimensions"
            )
        return request.queries[0]

    def _compile(self, payload: Mapping[str, Any], **limits: int | None) -> CompiledQuery:
        return self._engine.compile(self._parse(payload, **limits), self._security_context)

    def _table(self, compiled: CompiledQuery) -> ir.Table:
        table = self.backend.sql(with_literals(compiled).sql(compiled.dialect), dialect=compiled.dialect)
        return table.rename(dict(zip(column_names(compiled.columns), table.columns, strict=True)))


def column_names(columns: Sequence[ResultColumn]) -> list[str]:
    """Short names where they are distinct, else the aliases."""
    short = [one.key.split(".", 1)[1].replace(".", "_") for one in columns]
    seen = Counter(short)
    return [name if seen[name] == 1 else one.alias for name, one in zip(short, columns, strict=True)]


def _payload(**parts: Any) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part is not None}


def _reader(backend: SQLBackend) -> Reader:
    if not isinstance(backend, DuckDBBackend):
        raise WarehouseError(f"a client over {backend.name} needs the gateway's reader too")
    return BackendReader(backend)


class BackendReader(DuckDBReader):
    """DuckDB's backend, which holds its connection open, as the engine's reader."""

    def __init__(self, backend: DuckDBBackend) -> None:
        self._backend = backend

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._backend.con.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def close(self) -> None:
        """The connection is the client's to close."""
