"""Every table of two gateways beside each other: columns, types and rows."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from math import isclose

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlmesh import Context

from headrace.config import Settings
from headrace.sqlmesh_config import sqlmesh_config
from headrace.warehouse import LAYERS, Reader, open_gateway, open_reader


@contextmanager
def project(settings: Settings) -> Iterator[Context]:
    """The models as the gateway renders them: macros may ask which one it is."""
    gc.disable()  # SQLMesh copies trees of SQL by the million, none of them garbage
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = Context(paths=str(settings.project), config=sqlmesh_config(settings))
        try:
            yield context
        finally:
            context.engine_adapter.close()
            context.close()
            gc.enable()


def tables(settings: Settings, environment: str = "prod") -> Mapping[str, pa.Table]:
    """`layer.table` -> all its rows, of raw too."""
    reader = open_reader(settings)
    try:
        with open_gateway(settings, read_only=True) as backend:
            raw = {("raw", name): ("raw", name) for name in backend.list_tables(database="raw")}
        places = {**raw, **reader.tables(environment)}
        return {".".join(name): _rows(reader, place) for name, place in sorted(places.items())}
    finally:
        reader.close()


def differences(left: Mapping[str, pa.Table], right: Mapping[str, pa.Table]) -> list[str]:
    """In which tables, columns, types and rows they differ, a line each."""
    found = [f"{name}: only on one side" for name in sorted(left.keys() ^ right.keys())]
    for name in sorted(left.keys() & right.keys()):
        found += [f"{name}: {one}" for one in _differ(left[name], right[name])]
    return found


def layers(found: Mapping[str, pa.Table]) -> set[str]:
    return {name.split(".")[0] for name in found} & {"raw", *LAYERS}


def _rows(reader: Reader, place: tuple[str, str]) -> pa.Table:
    wanted = exp.Star()
    if reader.dialect == "duckdb" and place == ("raw", "loads"):
        # lists go to BigQuery as JSON
        wanted.set("replace", [sqlglot.parse_one("to_json(warnings)::VARCHAR AS warnings", dialect="duckdb")])
    query = exp.select(wanted).from_(exp.table_(place[1], db=place[0], quoted=True)).sql(reader.dialect)
    return reader.fetch(query, (), lambda _: nullcontext())


def _differ(left: pa.Table, right: pa.Table) -> list[str]:
    types = [{field.name: _type(field.type) for field in table.schema} for table in (left, right)]
    if types[0] != types[1]:
        changed = {name: [one.get(name) for one in types] for name in {**types[0], **types[1]}}
        return [f"column {name} is {a} and {b}" for name, (a, b) in changed.items() if a != b]
    names = sorted(types[0])
    rows = [_sorted_rows(table, names) for table in (left, right)]
    if len(rows[0]) != len(rows[1]):
        return [f"{len(rows[0])} and {len(rows[1])} rows"]
    unlike = [pair for pair in zip(*rows, strict=True) if not all(map(_alike, *pair))]
    if not unlike:
        return []
    first = [(name, a, b) for name, a, b in zip(names, *unlike[0], strict=True) if not _alike(a, b)]
    return [f"{len(unlike)} of {len(rows[0])} rows differ, the first in {first}"]


def _sorted_rows(table: pa.Table, names: list[str]) -> list[tuple[object, ...]]:
    return sorted(map(_key, zip(*(table[name].to_pylist() for name in names), strict=True)))


def _type(type_: pa.DataType) -> str:
    """The type without what a protocol adds: how long texts may get, and how a list names its items."""
    text = str(type_).replace("large_", "")
    if pa.types.is_list(type_):
        return f"list<{_type(type_.value_type)}>"
    return text


def _key(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row as values that sort beside each other."""
    return tuple(_text(value) for value in row)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"~{value:.12g}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return repr(value)


def _alike(left: object, right: object) -> bool:
    """Floats may differ in their last digits: sums of them depend on the order of the rows."""
    if left == right or not (isinstance(left, str) and isinstance(right, str) and left[:1] == right[:1] == "~"):
        return left == right
    return isclose(float(left[1:]), float(right[1:]), rel_tol=1e-9)
