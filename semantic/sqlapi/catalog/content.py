"""The rows of the catalog: PostgreSQL's own facts, and the data model's views and cubes as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from semantic.sqlapi import types as pg
from semantic.sqlapi.catalog.relations import INFORMATION_SCHEMA, PG_CATALOG, relations
from semantic.sqlapi.messages import Column
from semantic.sqlapi.types import PgType

DATABASE = "headrace"
ROLE = "headrace"
PUBLIC = "public"

_ROLE_OID = 10
_DATABASE_OID = 5
_FIRST_TABLE_OID = 16_384
_NAMESPACES = {PG_CATALOG: 11, "pg_toast": 99, PUBLIC: 2200, INFORMATION_SCHEMA: 13_000}
_PG_CLASS, _HEAP = 1259, 2
_FIRST_READER_OID = 9_000
"""Free in PostgreSQL's own numbering: only the names of the functions that read types are asked for."""
_CATEGORIES = {
    "bool": "B", "int8": "N", "int2": "N", "int4": "N", "float4": "N", "float8": "N", "numeric": "N", "oid": "N",
    "regproc": "N", "regclass": "N", "regtype": "N", "date": "D", "time": "D", "timestamp": "D", "timestamptz": "D",
    "interval": "T", "text": "S", "varchar": "S", "bpchar": "S", "name": "S", "char": "Z", "unknown": "X",
}  # fmt: skip
_INPUT_PREFIX = {
    "date": "date_", "time": "time_", "timestamp": "timestamp_", "timestamptz": "timestamptz_", "interval": "interval_",
    "numeric": "numeric_", "json": "json_", "jsonb": "jsonb_", "uuid": "uuid_",
}  # fmt: skip
_FUNCTIONS = {"now": (1299, 1184), "array_in": (750, 2277), "array_recv": (2400, 2277), "version": (89, 25)}

Row = Mapping[str, object]


@dataclass(frozen=True)
class TableFact:
    """A view or cube as a table. Each column comes with what it is, for its comment."""

    name: str
    description: str | None
    columns: tuple[tuple[Column, str | None], ...]


def rows(tables: Sequence[TableFact]) -> Iterator[tuple[str, str, Row]]:
    """(schema, relation, row) of all that the catalog says."""
    yield from _of_server()
    yield from _of_types()
    for index, table in enumerate(tables):
        yield from _of_table(table, _FIRST_TABLE_OID + index)
    for relation in relations().values():
        named = {"oid": relation.oid, "relname": relation.name, "relnamespace": _NAMESPACES[relation.schema]}
        yield PG_CATALOG, "pg_class", {**named, **_class_row(relation.kind, len(relation.columns))}
        for number, column in enumerate(relation.columns, 1):
            kind = _type_of(column.type)
            yield PG_CATALOG, "pg_attribute", _attribute(relation.oid, number, column.name, kind, -1)
    yield from _of_schemas()


def _of_server() -> Iterator[tuple[str, str, Row]]:
    yield PG_CATALOG, "pg_database", {
        "oid": _DATABASE_OID, "datname": DATABASE, "datdba": _ROLE_OID, "encoding": 6, "datlocprovider": "c",
        "datallowconn": True, "datconnlimit": -1, "dattablespace": 1663, "datcollate": "C", "datctype": "C",
    }  # fmt: skip
    for relation in ("pg_roles", "pg_authid"):
        yield PG_CATALOG, relation, {
            "oid": _ROLE_OID, "rolname": ROLE, "rolinherit": True, "rolcanlogin": True, "rolconnlimit": -1,
        }  # fmt: skip
    yield PG_CATALOG, "pg_user", {"usename": ROLE, "usesysid": _ROLE_OID}
    for oid, name in ((1663, "pg_default"), (1664, "pg_global")):
        yield PG_CATALOG, "pg_tablespace", {"oid": oid, "spcname": name, "spcowner": _ROLE_OID}
    for oid, name, kind in ((2, "heap", "t"), (403, "btree", "i"), (405, "hash", "i")):
        yield PG_CATALOG, "pg_am", {"oid": oid, "amname": name, "amtype": kind}
    for oid, name in ((100, "default"), (950, "C"), (951, "POSIX")):
        yield PG_CATALOG, "pg_collation", {
            "oid": oid, "collname": name, "collnamespace": 11, "collowner": _ROLE_OID, "collencoding": -1,
            "collprovider": "d" if oid == 100 else "c", "collisdeterministic": True,
        }  # fmt: skip
    for oid, name in ((12, "internal"), (13, "c"), (14, "sql")):
        yield PG_CATALOG, "pg_language", {"oid": oid, "lanname": name, "lanowner": _ROLE_OID}
    readers = sorted({str(_type_row(known)["typreceive"]) for known in pg.SCALARS})
    functions = {**{name: (_FIRST_READER_OID + at, 2281) for at, name in enumerate(readers)}, **_FUNCTIONS}
    for name, (oid, result) in functions.items():
        yield PG_CATALOG, "pg_proc", {
            "oid": oid, "proname": name, "pronamespace": 11, "proowner": _ROLE_OID, "prolang": 12, "prokind": "f",
            "prorettype": result, "provolatile": "s", "proargtypes": [],
        }  # fmt: skip
    for name, oid in _NAMESPACES.items():
        yield PG_CATALOG, "pg_namespace", {"oid": oid, "nspname": name, "nspowner": _ROLE_OID}


def _of_types() -> Iterator[tuple[str, str, Row]]:
    for known in (*pg.SCALARS, *pg.ARRAYS):
        yield PG_CATALOG, "pg_type", _type_row(known)


def _type_row(known: PgType) -> Row:
    element = known.element
    prefix = "array_" if element else _INPUT_PREFIX.get(known.name, known.name)
    length = known.size if known.size != pg.VARIABLE else -1
    return {
        "oid": known.oid, "typname": known.name, "typnamespace": 11, "typowner": _ROLE_OID, "typlen": length,
        "typbyval": length in (1, 2, 4, 8), "typtype": "p" if known is pg.UNKNOWN else "b",
        "typcategory": "A" if element else _CATEGORIES.get(known.name, "U"), "typispreferred": known.name == "text",
        "typisdefined": True, "typdelim": ",", "typelem": element.oid if element else 0, "typarray": known.array_oid,
        "typinput": f"{prefix}in", "typoutput": f"{prefix}out", "typreceive": f"{prefix}recv",
        "typsend": f"{prefix}send", "typmodin": "-", "typalign": "i", "typstorage": "p" if length > 0 else "x",
        "typtypmod": -1, "typcollation": 100 if known.name in ("text", "varchar", "bpchar") else 0,
    }  # fmt: skip


def _type_of(name: str) -> PgType:
    """The type of a catalog column; PostgreSQL's internal ones read as text."""
    wanted = name.replace("_", " ") if not name.startswith(("sql_", "yes_")) else "name"
    found = (known for known in (*pg.SCALARS, *pg.ARRAYS) if wanted in (known.sql_name, known.name))
    return next(found, pg.INT4 if name == "cardinal_number" else pg.TEXT)


def _class_row(kind: str, columns: int) -> Row:
    return {
        "relowner": _ROLE_OID, "relam": _HEAP if kind == "r" else 0, "reltuples": -1.0, "relpersistence": "p",
        "relkind": kind, "relnatts": columns, "relreplident": "n", "relispopulated": True,
    }  # fmt: skip


def _attribute(table: int, number: int, name: str, kind: PgType, modifier: int) -> Row:
    return {
        "attrelid": table, "attname": name, "atttypid": kind.oid, "attlen": kind.size, "attnum": number,
        "attcacheoff": -1, "atttypmod": modifier, "attstattarget": -1, "attislocal": True, "attalign": "i",
        "attstorage": "p" if kind.size > 0 else "x", "attcollation": 100 if kind is pg.TEXT else 0,
    }  # fmt: skip


def _of_table(table: TableFact, oid: int) -> Iterator[tuple[str, str, Row]]:
    named = {"oid": oid, "relname": table.name, "relnamespace": _NAMESPACES[PUBLIC]}
    yield PG_CATALOG, "pg_class", {**named, **_class_row("r", len(table.columns)), "relreplident": "d"}
    yield PG_CATALOG, "pg_tables", {"schemaname": PUBLIC, "tablename": table.name, "tableowner": ROLE}
    yield from _comment(oid, 0, table.description)
    full = {"table_catalog": DATABASE, "table_schema": PUBLIC, "table_name": table.name}
    yield INFORMATION_SCHEMA, "tables", {
        **full, "table_type": "BASE TABLE", "is_insertable_into": "NO", "is_typed": "NO",
    }  # fmt: skip
    grant = {"grantor": ROLE, "grantee": ROLE, "privilege_type": "SELECT", "is_grantable": "NO"}
    yield INFORMATION_SCHEMA, "table_privileges", {**full, **grant, "with_hierarchy": "YES"}
    for number, (column, description) in enumerate(table.columns, 1):
        yield PG_CATALOG, "pg_attribute", _attribute(oid, number, column.name, column.type, column.modifier)
        yield from _comment(oid, number, description)
        yield INFORMATION_SCHEMA, "columns", {**full, **_information_column(number, column)}


def _comment(oid: int, number: int, text: str | None) -> Iterator[tuple[str, str, Row]]:
    if text:
        yield PG_CATALOG, "pg_description", {
            "objoid": oid, "classoid": _PG_CLASS, "objsubid": number, "description": text,
        }  # fmt: skip


def _information_column(number: int, column: Column) -> Row:
    kind = column.type
    bits = {pg.INT2: 16, pg.INT4: 32, pg.INT8: 64, pg.FLOAT4: 24, pg.FLOAT8: 53}
    precision: int | None = bits.get(kind)
    scale: int | None = 0 if kind in (pg.INT2, pg.INT4, pg.INT8) else None
    if kind is pg.NUMERIC and column.modifier > 0:
        precision, scale = (column.modifier - 4) >> 16, (column.modifier - 4) & 0xFFFF
    has_times = kind in (pg.TIMESTAMP, pg.TIMESTAMPTZ, pg.TIME)
    return {
        "column_name": column.name, "ordinal_position": number, "is_nullable": "YES",
        "data_type": "ARRAY" if kind.element else kind.sql_name, "numeric_precision": precision,
        "numeric_precision_radix": 10 if kind is pg.NUMERIC else 2 if precision else None, "numeric_scale": scale,
        "datetime_precision": 6 if has_times else 0 if kind is pg.DATE else None, "udt_catalog": DATABASE,
        "udt_schema": PG_CATALOG, "udt_name": kind.name, "dtd_identifier": str(number), "is_self_referencing": "NO",
        "is_identity": "NO", "is_generated": "NEVER", "is_updatable": "NO",
    }  # fmt: skip


def _of_schemas() -> Iterator[tuple[str, str, Row]]:
    yield INFORMATION_SCHEMA, "information_schema_catalog_name", {"catalog_name": DATABASE}
    yield INFORMATION_SCHEMA, "enabled_roles", {"role_name": ROLE}
    for name in _NAMESPACES:
        yield INFORMATION_SCHEMA, "schemata", {
            "catalog_name": DATABASE, "schema_name": name, "schema_owner": ROLE,
        }  # fmt: skip
    for relation in relations().values():
        yield INFORMATION_SCHEMA, "tables", {
            "table_catalog": DATABASE, "table_schema": relation.schema, "table_name": relation.name,
            "table_type": "BASE TABLE" if relation.kind == "r" else "VIEW", "is_insertable_into": "NO",
            "is_typed": "NO",
        }  # fmt: skip
        full = {"table_catalog": DATABASE, "table_schema": relation.schema, "table_name": relation.name}
        for number, column in enumerate(relation.columns, 1):
            known = Column(column.name, _type_of(column.type))
            yield INFORMATION_SCHEMA, "columns", {**full, **_information_column(number, known)}
