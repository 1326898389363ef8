"""Reads documents of the Open Data Contract Standard 3.1 as statements: ours again, or other people's.

A rule over several columns comes back with its SQL, not with something to run; everything else comes back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal

import ibis.expr.types as ir

from contracts.base import Column, Deprecation, Statement, Terms
from contracts.errors import InterchangeError
from contracts.odcs import LOGICAL_TYPES, OPTIONS
from contracts.rules import (
    Custom,
    ForeignKey,
    Freshness,
    Limit,
    MaxLength,
    NotNull,
    OneOf,
    Pattern,
    Recent,
    Relationship,
    Rows,
    Rule,
    Severity,
    Unique,
    Volume,
)
from contracts.types import COLUMN_TYPES, ColumnType, Day, Instant, Number

Document = Mapping[str, Any]
_ORDER = ("not_null", "ge", "gt", "le", "lt", "isin", "pattern", "max_length", "relationship")


def from_document(document: Document) -> Statement:
    """The contract that an ODCS document states. Raises InterchangeError with the path of what is wrong."""
    name = str(_need(document, "name", ""))
    if document.get("kind") != "DataContract" or not str(document.get("apiVersion", "")).startswith("v3."):
        raise InterchangeError(f"{name}: kind must be DataContract and apiVersion v3.x")
    schemas = _need(document, "schema", name)
    if len(schemas) != 1:
        raise InterchangeError(f"{name}: schema has {len(schemas)} tables; a contract of ours is about one")
    schema = schemas[0]
    layer, _, table = name.rpartition(".")
    columns = tuple(_column(entry, f"{name}.schema.properties") for entry in _need(schema, "properties", name))
    freshness = _freshness(document)
    table_rules = tuple(_table_rules(schema, freshness))
    keys = sorted((one for one in schema["properties"] if one.get("primaryKey")), key=_key_position)
    custom = _custom(schema)
    terms = Terms(
        layer=layer or str(document.get("domain", "")),
        table=table,
        version=str(_need(document, "version", name)),
        owner=str(document.get("team", {}).get("name", "")),
        description=str(document.get("description", {}).get("purpose", "")),
        key=tuple(one["name"] for one in keys),
        unique=tuple(one.columns for one in table_rules if isinstance(one, Unique))[1 if keys else 0 :],
        freshness=freshness,
        rows=next(
            (Rows(one.at_least, one.at_most, one.severity) for one in table_rules if isinstance(one, Volume)), None
        ),
        deprecated=_deprecation(_custom(document).get("deprecated")),
        retired=tuple((one["column"], _retired(one)) for one in custom.get("retired", ())),
    )
    return Statement(terms, columns, (*(rule for column in columns for rule in column.rules), *table_rules))


def _need(document: Document, key: str, path: str) -> Any:
    if key not in document:
        raise InterchangeError(f"{path or 'the document'} has no {key}")
    return document[key]


def _key_position(entry: Document) -> int:
    return int(entry.get("primaryKeyPosition", 1))


def _column(entry: Document, path: str) -> Column:
    name = str(_need(entry, "name", path))
    type_ = _type(entry, f"{path}.{name}")
    rules = sorted(_column_rules(entry, name, type_), key=lambda rule: _ORDER.index(rule.name))
    custom = _custom(entry)
    classification: Any = entry.get("classification", "internal")
    return Column(
        name=name,
        type=type_,
        description=str(entry.get("description", "")),
        nullable=not any(isinstance(rule, NotNull) for rule in rules),
        optional=bool(custom.get("optional", False)),
        unit=custom.get("unit"),
        sensitivity=classification,
        deprecated=_deprecation(custom.get("deprecated")),
        rules=tuple(rules),
    )


def _type(entry: Document, path: str) -> type[ColumnType]:
    for type_ in COLUMN_TYPES:
        if type_.sql_name == entry.get("physicalType"):
            return type_
    logical = entry.get("logicalType")
    if logical == "number":
        return Number
    for type_, name in LOGICAL_TYPES.items():
        if name == logical:
            return type_
    raise InterchangeError(f"{path}: physicalType {entry.get('physicalType')} and logicalType {logical} are unknown")


def _column_rules(entry: Document, name: str, type_: type[ColumnType]) -> Iterator[Rule]:
    at = (name,)
    if entry.get("required"):
        yield NotNull(at, "error")
    options = entry.get("logicalTypeOptions", {})
    for comparison, option in OPTIONS.items():
        if option in options:
            yield _limit(at, "error", comparison, options[option], type_)
    if "pattern" in options:
        yield Pattern(at, "error", options["pattern"])
    if "maxLength" in options:
        yield MaxLength(at, "error", options["maxLength"])
    for quality in entry.get("quality", ()):
        yield from _quality_rules(quality, at, type_)
    for link in entry.get("relationships", ()):
        yield Relationship(at, _severity(_custom(link).get("severity")), _target(link, name))


def _quality_rules(quality: Document, at: tuple[str, ...], type_: type[ColumnType]) -> Iterator[Rule]:
    severity, kind, arguments = _severity(quality.get("severity")), quality.get("name"), quality.get("arguments", {})
    limit = _custom(quality).get("limit")
    if "validValues" in arguments:
        yield OneOf(at, severity, tuple(_value(value, type_) for value in arguments["validValues"]))
    elif "pattern" in arguments:
        yield Pattern(at, severity, arguments["pattern"])
    elif quality.get("metric") == "nullValues":
        yield NotNull(at, severity)
    elif kind == "max_length":
        yield MaxLength(at, severity, int(limit or 0))
    elif kind in OPTIONS:
        yield _limit(at, severity, kind, limit, type_)


def _limit(at: tuple[str, ...], severity: Severity, kind: str, bound: Any, type_: type[ColumnType]) -> Limit:
    comparison: Any = kind
    return Limit(at, severity, comparison, _value(bound, type_))


def _value(value: Any, type_: type[ColumnType]) -> Any:
    if isinstance(value, str) and type_ is Day:
        return date.fromisoformat(value)
    if isinstance(value, str) and type_ is Instant:
        return datetime.fromisoformat(value)
    return value


def _table_rules(schema: Document, freshness: Freshness | None) -> Iterator[Rule]:
    """In the order in which a contract lists them: over several columns, keys, freshness, volume."""
    entries = schema.get("quality", ())
    for quality in (one for one in entries if one.get("type") == "sql"):
        custom = _custom(quality)
        yield Custom(
            columns=tuple(custom.get("columns", ())),
            severity=_severity(quality.get("severity")),
            label=str(quality.get("name", "")),
            sentence=str(quality.get("description", "")),
            condition=_not_runnable(str(quality.get("name", ""))),
            sql=str(custom.get("condition", quality.get("query", ""))),
        )
    for quality in (one for one in entries if one.get("metric") == "duplicateValues"):
        yield Unique(tuple(quality["arguments"]["properties"]), _severity(quality.get("severity")))
    if freshness:
        yield Recent((freshness.column,), freshness.severity, freshness.limit)
    for quality in (one for one in entries if one.get("metric") == "rowCount"):
        least, most = quality.get("mustBeBetween", (quality.get("mustBeGreaterOrEqualTo", 0), None))
        yield Volume((), _severity(quality.get("severity")), int(least), most)


def _not_runnable(name: str) -> Callable[[ir.Table], ir.BooleanValue]:
    def condition(_: ir.Table) -> ir.BooleanValue:
        raise InterchangeError(f"rule {name} was read from a document: it has SQL, but no expression to run")

    return condition


def _freshness(document: Document) -> Freshness | None:
    for entry in document.get("slaProperties", ()):
        if entry.get("property") == "freshness":
            severity: Literal["error", "warn"] = "warn" if entry.get("driver") == "operational" else "error"
            return Freshness(entry["element"].rpartition(".")[2], timedelta(days=1) * float(entry["value"]), severity)
    return None


def _target(link: Document, name: str) -> ForeignKey:
    """`raw.shops.yaml#/schema/shops/properties/shop_id` -> raw, shops, shop_id."""
    file, _, path = str(link.get("to", "")).partition("#")
    parts = path.strip("/").split("/")
    if len(parts) != 4 or not file.endswith(".yaml"):
        raise InterchangeError(
            f"{name}.relationships: {link.get('to')} must be layer.table.yaml#/schema/.../properties/..."
        )
    layer, _, table = file.removesuffix(".yaml").rpartition(".")
    return ForeignKey(layer, table, parts[3])


def _severity(text: Any) -> Severity:
    return "warn" if text in ("warning", "info") else "error"


def _custom(entry: Document) -> dict[str, Any]:
    return {one["property"]: one["value"] for one in entry.get("customProperties", ())}


def _deprecation(entry: Document | None) -> Deprecation | None:
    return _retired(entry) if entry else None


def _retired(entry: Document) -> Deprecation:
    return Deprecation(date.fromisoformat(entry["removedOn"]), entry["use"])
