"""Judges incoming rows by their contract, all in one SELECT that the engine streams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import ibis
from ibis.backends.duckdb import Backend
from ibis.backends.sql.datatypes import DuckDBType

from contracts.base import Contract
from contracts.violations import AS_READ, REASONS, RULES, judge
from ingestion import sql
from ingestion.errors import SchemaDrift
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming

ORIGINAL = "_original"
"""A rejected row as it was read: a JSON object of texts."""
BROKEN_LINE = "line"
"""The one member of the original of a line that is no record."""

_INCOMING = "_incoming"


@dataclass(frozen=True)
class Judged:
    """`sql` selects the contract's columns typed, `extra` columns, then _lines, reasons, rules and _original."""

    sql: str
    extra: tuple[str, ...]


def judge_incoming(backend: Backend, contract: type[Contract], incoming: Incoming, file: str) -> Judged:
    """The SELECT that types and judges. Raises SchemaDrift, naming columns that vanished."""
    _check_columns(contract, incoming, file)
    wanted = [column.name for column in contract.columns() if not column.is_metadata]
    extra = tuple(column for column in incoming.columns if column not in wanted)
    # one order of columns for all files, so that what is compiled for one serves the others
    ordered = [*(column for column in wanted if column in incoming.columns), *extra, LINES, FAULT, FAULTY_TEXT]
    rows = f"SELECT {sql.names(ordered)} FROM ({incoming.sql})"
    if incoming.is_text:
        types = tuple((name, "BIGINT" if name == LINES else "VARCHAR") for name in ordered)
    else:
        types = tuple(row[:2] for row in backend.con.execute(f"DESCRIBE {rows}").fetchall())
    inner = _compiled(contract, types)
    original = _original([column for column in wanted if column in incoming.columns], extra)
    select = (
        f"WITH {_INCOMING} AS ({rows}) SELECT {sql.names((*wanted, *extra, LINES))}, "
        f"CASE WHEN {FAULT} IS NULL THEN {REASONS} ELSE [{FAULT}] END AS {REASONS}, "
        f"CASE WHEN {FAULT} IS NULL THEN {RULES} ELSE ['record'] END AS {RULES}, "
        f"CASE WHEN {FAULTY_TEXT} IS NOT NULL THEN json_object({sql.text(BROKEN_LINE)}, {FAULTY_TEXT})::VARCHAR "
        f"WHEN {REASONS} IS NOT NULL THEN {original} END AS {ORIGINAL} FROM ({inner})"
    )
    return Judged(select, extra)


def _check_columns(contract: type[Contract], incoming: Incoming, file: str) -> None:
    wanted = [column for column in contract.columns() if not column.is_metadata]
    missing = [column.name for column in wanted if not column.optional and column.name not in incoming.columns]
    if missing:
        raise SchemaDrift(
            f"{file}: missing column{'s' * (len(missing) > 1)} {', '.join(missing)}, which contract "
            f"{contract.terms().name} {contract.terms().version} requires; the file has {', '.join(incoming.columns)}"
        )


@lru_cache(maxsize=256)
def _compiled(contract: type[Contract], columns: tuple[tuple[str, str], ...]) -> str:
    """Compiling takes longer than reading a small file, and files of a table look alike."""
    schema = {name: DuckDBType.from_string(type_) for name, type_ in columns}
    return str(ibis.to_sql(judge(contract, ibis.table(schema, name=_INCOMING)), dialect="duckdb"))


def _original(as_read: list[str], extra: tuple[str, ...]) -> str:
    members = [f"{sql.text(column)}, {sql.name(AS_READ + column)}" for column in as_read]
    members += [f"{sql.text(column)}, {sql.name(column)}::VARCHAR" for column in extra if not column.startswith("_")]
    return f"json_object({', '.join(members)})::VARCHAR"
