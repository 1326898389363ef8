"""PostgreSQL's types: what each DuckDB type is called on the wire.

OIDs and sizes are those of PostgreSQL's pg_type.dat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

VARIABLE = -1


@dataclass(frozen=True)
class PgType:
    """A type by its catalog name, e.g. int4; `size` is its length in bytes, -1 where it varies."""

    name: str
    oid: int
    size: int
    array_oid: int
    sql_name: str
    """What format_type() calls it, e.g. integer."""
    duckdb: str
    """The DuckDB type that a parameter or cast of it becomes."""
    element: PgType | None = None
    """The element type of an array."""

    @property
    def binary_is_text(self) -> bool:
        return self.name in ("text", "varchar", "bpchar", "name", "char", "json", "unknown")


BOOL = PgType("bool", 16, 1, 1000, "boolean", "BOOLEAN")
BYTEA = PgType("bytea", 17, VARIABLE, 1001, "bytea", "BLOB")
CHAR = PgType("char", 18, 1, 1002, '"char"', "VARCHAR")
NAME = PgType("name", 19, 64, 1003, "name", "VARCHAR")
INT8 = PgType("int8", 20, 8, 1016, "bigint", "BIGINT")
INT2 = PgType("int2", 21, 2, 1005, "smallint", "SMALLINT")
INT4 = PgType("int4", 23, 4, 1007, "integer", "INTEGER")
REGPROC = PgType("regproc", 24, 4, 1008, "regproc", "VARCHAR")
TEXT = PgType("text", 25, VARIABLE, 1009, "text", "VARCHAR")
OID = PgType("oid", 26, 4, 1028, "oid", "BIGINT")
JSON = PgType("json", 114, VARIABLE, 199, "json", "JSON")
FLOAT4 = PgType("float4", 700, 4, 1021, "real", "FLOAT")
FLOAT8 = PgType("float8", 701, 8, 1022, "double precision", "DOUBLE")
UNKNOWN = PgType("unknown", 705, -2, 0, "unknown", "VARCHAR")
BPCHAR = PgType("bpchar", 1042, VARIABLE, 1014, "character", "VARCHAR")
VARCHAR = PgType("varchar", 1043, VARIABLE, 1015, "character varying", "VARCHAR")
DATE = PgType("date", 1082, 4, 1182, "date", "DATE")
TIME = PgType("time", 1083, 8, 1183, "time without time zone", "TIME")
TIMESTAMP = PgType("timestamp", 1114, 8, 1115, "timestamp without time zone", "TIMESTAMP")
TIMESTAMPTZ = PgType("timestamptz", 1184, 8, 1185, "timestamp with time zone", "TIMESTAMP WITH TIME ZONE")
INTERVAL = PgType("interval", 1186, 16, 1187, "interval", "INTERVAL")
NUMERIC = PgType("numeric", 1700, VARIABLE, 1231, "numeric", "DECIMAL(38, 9)")
REGCLASS = PgType("regclass", 2205, 4, 2210, "regclass", "VARCHAR")
REGTYPE = PgType("regtype", 2206, 4, 2211, "regtype", "VARCHAR")
UUID = PgType("uuid", 2950, 16, 2951, "uuid", "UUID")
JSONB = PgType("jsonb", 3802, VARIABLE, 3807, "jsonb", "JSON")

SCALARS = (
    BOOL, BYTEA, CHAR, NAME, INT8, INT2, INT4, REGPROC, TEXT, OID, JSON, FLOAT4, FLOAT8, UNKNOWN, BPCHAR, VARCHAR,
    DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, NUMERIC, REGCLASS, REGTYPE, UUID, JSONB,
)  # fmt: skip


def array_of(element: PgType) -> PgType:
    return PgType(
        f"_{element.name}", element.array_oid, VARIABLE, 0, f"{element.sql_name}[]", f"{element.duckdb}[]", element
    )


ARRAYS = tuple(array_of(scalar) for scalar in SCALARS if scalar.array_oid)
BY_OID = {known.oid: known for known in (*SCALARS, *ARRAYS)}
_SHORT = {"int": INT4, "decimal": NUMERIC, "float": FLOAT8, "char": BPCHAR}
BY_NAME = {
    **{f"{known.sql_name}[]": array_of(known) for known in SCALARS},
    **{f"{known.name}[]": array_of(known) for known in SCALARS},
    **{known.sql_name: known for known in SCALARS},
    **{known.name: known for known in SCALARS},
    **_SHORT,
}
"""What SQL calls types, in small letters."""

_FROM_DUCKDB = {
    "BOOLEAN": BOOL,
    "TINYINT": INT2,
    "SMALLINT": INT2,
    "INTEGER": INT4,
    "BIGINT": INT8,
    "UTINYINT": INT2,
    "USMALLINT": INT4,
    "UINTEGER": INT8,
    "UBIGINT": NUMERIC,
    "HUGEINT": NUMERIC,
    "UHUGEINT": NUMERIC,
    "FLOAT": FLOAT4,
    "DOUBLE": FLOAT8,
    "DATE": DATE,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMP_S": TIMESTAMP,
    "TIMESTAMP_MS": TIMESTAMP,
    "TIMESTAMP_NS": TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMPTZ,
    "INTERVAL": INTERVAL,
    "BLOB": BYTEA,
    "UUID": UUID,
    "JSON": JSON,
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_NESTED = ("STRUCT", "MAP", "UNION")


def from_duckdb(name: str) -> tuple[PgType, int]:
    """The PostgreSQL type of a DuckDB type's name, and its modifier: "DECIMAL(18,2)" -> (NUMERIC, 18 and 2 packed).

    Structs and maps travel as JSON; what PostgreSQL lacks (enumerations, bit strings) as text.
    """
    if name.endswith("[]") or (name.endswith("]") and not name.startswith(_NESTED)):
        element, _ = from_duckdb(name[: name.rindex("[")])
        # PostgreSQL's arrays of arrays have the type of the innermost element.
        return (element if element.element else array_of(element)) if element is not JSON else JSON, -1
    if found := _DECIMAL.fullmatch(name):
        precision, scale = int(found[1]), int(found[2])
        return NUMERIC, ((precision << 16) | scale) + 4
    if name.startswith(_NESTED):
        return JSON, -1
    return _FROM_DUCKDB.get(name, TEXT), -1
