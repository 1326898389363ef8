"""The relations of PostgreSQL's own catalog, as facts: relations.txt has one a line, taken from PostgreSQL 15."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

PG_CATALOG = "pg_catalog"
INFORMATION_SCHEMA = "information_schema"
PLACES: Mapping[str, str] = {PG_CATALOG: "pg", INFORMATION_SCHEMA: "info"}
"""The schemas of the catalog's DuckDB that stand for PostgreSQL's: DuckDB has its own of these names."""

_TYPES: Mapping[str, str] = {
    "oid": "BIGINT", "xid": "BIGINT", "bigint": "BIGINT", "integer": "INTEGER", "cardinal_number": "INTEGER",
    "smallint": "SMALLINT", "boolean": "BOOLEAN", "real": "FLOAT", "timestamp_with_time_zone": "TIMESTAMPTZ",
    "time_stamp": "TIMESTAMPTZ", "interval": "INTERVAL", "bytea": "BLOB", "int2vector": "SMALLINT[]",
    "oidvector": "BIGINT[]", "oid[]": "BIGINT[]", "smallint[]": "SMALLINT[]", "real[]": "FLOAT[]",
    "regtype": "BIGINT", "regtype[]": "BIGINT[]",
}  # fmt: skip
_DEFAULTS: Mapping[str, object] = {
    "oid": 0, "xid": 0, "bigint": 0, "integer": 0, "smallint": 0, "boolean": False, "real": 0.0, '"char"': "",
    "regproc": "-",
}  # fmt: skip


@dataclass(frozen=True)
class CatalogColumn:
    name: str
    type: str
    """PostgreSQL's type, spaces written as underscores."""

    @property
    def duckdb(self) -> str:
        if self.type.endswith("[]"):
            return _TYPES.get(self.type, "VARCHAR[]")
        return _TYPES.get(self.type, "VARCHAR")

    @property
    def default(self) -> object:
        """The value of a row that does not say: PostgreSQL's catalog has no NULL for these types."""
        return _DEFAULTS.get(self.type)


@dataclass(frozen=True)
class Relation:
    schema: str
    name: str
    oid: int
    kind: str
    """`r` for a table, `v` for a view."""
    columns: tuple[CatalogColumn, ...]


@cache
def relations() -> Mapping[tuple[str, str], Relation]:
    """(schema, name) -> relation."""
    text = resources.files("semantic.sqlapi.catalog").joinpath("relations.txt").read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        full_name, oid, kind, *columns = line.split(" ")
        schema, _, name = full_name.partition(".")
        pairs = (column.rpartition(":") for column in columns)
        parsed = tuple(CatalogColumn(column, kind_of) for column, _, kind_of in pairs)
        found[(schema, name)] = Relation(schema, name, int(oid), kind, parsed)
    return found


@cache
def regproc_columns() -> frozenset[str]:
    """Columns that hold the name of a function."""
    return frozenset(
        column.name for relation in relations().values() for column in relation.columns if column.type == "regproc"
    )
