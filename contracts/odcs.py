"""Contracts as documents of the Open Data Contract Standard 3.1, one per table, and back.

What the standard has a place for stands there (types, keys, limits, relationships, quality, freshness); what it has
none for is a custom property. `python -m contracts.odcs FOLDER` writes every contract as `layer.table.yaml`; with `-`
it prints all of them as one JSON array.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from contracts.base import Column, Deprecation, Statement
from contracts.registry import all_contracts
from contracts.rules import (
    Custom,
    Limit,
    MaxLength,
    NotNull,
    OneOf,
    Pattern,
    Recent,
    Relationship,
    Rule,
    Unique,
    Volume,
)
from contracts.types import Boolean, Day, Instant, Integer, Json, Number, Numeric, Text, Texts

Document = dict[str, Any]

API_VERSION = "v3.1.0"
LOGICAL_TYPES = {
    Text: "string",
    Integer: "integer",
    Number: "number",
    Numeric: "number",
    Boolean: "boolean",
    Day: "date",
    Instant: "timestamp",
    Json: "object",
    Texts: "array",
}
OPTIONS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""Our limits -> logicalTypeOptions."""
SEVERITIES = {"error": "error", "warn": "warning"}
_OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def to_document(statement: Statement) -> Document:
    """The contract as an ODCS document."""
    terms = statement.terms
    document: Document = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"headrace.{terms.name}",
        "name": terms.name,
        "version": terms.version,
        "status": "deprecated" if terms.deprecated else "active",
        "domain": terms.layer,
        "description": {"purpose": terms.description},
        "team": {"name": terms.owner},
        "schema": [_schema(statement)],
    }
    recent = [rule for rule in statement.rules if isinstance(rule, Recent)]
    if recent:
        document["slaProperties"] = [_freshness(terms.table, rule) for rule in recent]
    if terms.deprecated:
        document["customProperties"] = _custom(deprecated=_deprecation(terms.deprecated))
    return document


def documents() -> list[Document]:
    """Every contract as a document."""
    return [to_document(contract.statement()) for contract in all_contracts()]


def file_name(document: Document) -> str:
    """The name under which other documents refer to this one."""
    return f"{document['name']}.yaml"


def _schema(statement: Statement) -> Document:
    terms = statement.terms
    schema: Document = {
        "id": terms.table,
        "name": terms.table,
        "physicalName": terms.name,
        "logicalType": "object",
        "physicalType": "table",
        "description": terms.description,
        "dataGranularityDescription": terms.description.split(".")[0],
        "properties": [_property(column, terms.key) for column in statement.columns],
    }
    quality = [entry for rule in statement.rules for entry in _table_quality(rule, terms.key)]
    if quality:
        schema["quality"] = quality
    if terms.retired:
        schema["customProperties"] = _custom(
            retired=[{"column": name, **_deprecation(deprecation)} for name, deprecation in terms.retired]
        )
    return schema


def _property(column: Column, key: tuple[str, ...]) -> Document:
    hard = [rule for rule in column.rules if rule.severity == "error"]
    entry: Document = {
        "id": column.name,
        "name": column.name,
        "logicalType": LOGICAL_TYPES[column.type],
        "physicalType": column.type.sql_name,
        "description": column.description,
        "required": any(isinstance(rule, NotNull) for rule in hard),
        "classification": column.sensitivity,
    }
    if column.name in key:
        entry |= {"primaryKey": True, "primaryKeyPosition": key.index(column.name) + 1}
    options = dict(option for rule in hard for option in _options(rule))
    if options:
        entry["logicalTypeOptions"] = options
    links = [_relationship(rule) for rule in column.rules if isinstance(rule, Relationship)]
    if links:
        entry["relationships"] = links
    quality = [entry for rule in column.rules for entry in _column_quality(rule)]
    if quality:
        entry["quality"] = quality
    custom = _custom(
        unit=column.unit,
        optional=column.optional or None,
        deprecated=_deprecation(column.deprecated) if column.deprecated else None,
    )
    return entry | ({"customProperties": custom} if custom else {})


def _options(rule: Rule) -> Iterator[tuple[str, Any]]:
    if isinstance(rule, Limit):
        yield OPTIONS[rule.comparison], _plain(rule.bound)
    if isinstance(rule, Pattern):
        yield "pattern", rule.pattern
    if isinstance(rule, MaxLength):
        yield "maxLength", rule.length


def _column_quality(rule: Rule) -> Iterator[Document]:
    """Rules that have no place of their own: allowed values, and all that only warns."""
    if isinstance(rule, OneOf):
        values = [_plain(value) for value in rule.values]
        yield _quality(rule, type="library", metric="invalidValues", arguments={"validValues": values}, mustBe=0)
    elif rule.severity == "error" or isinstance(rule, Relationship):
        return
    elif isinstance(rule, NotNull):
        yield _quality(rule, type="library", metric="nullValues", mustBe=0)
    elif isinstance(rule, Pattern):
        yield _quality(rule, type="library", metric="invalidValues", arguments={"pattern": rule.pattern}, mustBe=0)
    elif isinstance(rule, MaxLength):
        condition = f"LENGTH(${{column}}) <= {rule.length}"
        yield _counted(rule, condition, {"limit": rule.length})
    elif isinstance(rule, Limit):
        bound = _plain(rule.bound)
        condition = f"${{column}} {_OPERATORS[rule.comparison]} {_literal(bound)}"
        yield _counted(rule, condition, {"limit": bound})


def _table_quality(rule: Rule, key: tuple[str, ...]) -> Iterator[Document]:
    if isinstance(rule, Unique):
        arguments = {"properties": list(rule.columns)}
        kind = "key" if rule.columns == key else rule.name
        yield _quality(rule, type="library", metric="duplicateValues", arguments=arguments, mustBe=0) | {"name": kind}
    if isinstance(rule, Volume):
        limits: Document = {"mustBeGreaterOrEqualTo": rule.at_least}
        if rule.at_most is not None:
            limits = {"mustBeBetween": [rule.at_least, rule.at_most]}
        yield _quality(rule, type="library", metric="rowCount", **limits)
    if isinstance(rule, Custom):
        yield _counted(rule, rule.sql, {"columns": list(rule.columns), "condition": rule.sql})


def _quality(rule: Rule, **content: Any) -> Document:
    return {"name": rule.name, "description": rule.text, "severity": SEVERITIES[rule.severity], **content}


def _counted(rule: Rule, condition: str, custom: Mapping[str, Any]) -> Document:
    """A rule as a query for the number of rows that break it."""
    query = f"SELECT COUNT(*) FROM ${{table}} WHERE NOT ({condition})"
    return _quality(rule, type="sql", query=query, mustBe=0, customProperties=_custom(**custom))


def _relationship(rule: Relationship) -> Document:
    target = rule.target
    place = f"{target.layer}.{target.table}.yaml#/schema/{target.table}/properties/{target.column}"
    return {"type": "foreignKey", "to": place, "customProperties": _custom(severity=SEVERITIES[rule.severity])}


def _freshness(table: str, rule: Recent) -> Document:
    return {
        "property": "freshness",
        "value": rule.limit / timedelta(days=1),
        "unit": "d",
        "element": f"{table}.{rule.columns[0]}",
        "driver": "operational" if rule.severity == "warn" else "regulatory",
        "description": f"{rule.columns[0]} {rule.text}",
    }


def _deprecation(deprecation: Deprecation) -> Document:
    return {"removedOn": deprecation.removed_on.isoformat(), "use": deprecation.use}


def _custom(**values: Any) -> list[Document]:
    return [{"property": name, "value": value} for name, value in values.items() if value is not None]


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def _literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def main(arguments: list[str]) -> int:
    """Write every contract: into a folder, or to standard output."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m contracts.odcs FOLDER|-\n")
        return 2
    if arguments == ["-"]:
        sys.stdout.write(json.dumps(documents()))
        return 0
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents():
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
        (folder / file_name(document)).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
