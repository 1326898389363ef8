"""Refresh keys per partition: SQL that asks with FILTER_PARAMS for the time of a rollup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from semantic.compiler import Compiler
from semantic.datamodel.templates import TemplateError, parse_mention, split

Span = tuple[datetime, datetime]
"""Times in naive UTC, the second one outside."""
_MARK = "headrace_span_"
_MOST = 2_000
"""More partitions than these are not asked one by one."""


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """SQL with marks where a partition's span belongs, over the columns of the same number."""

    text: str
    columns: tuple[str, ...]

    def sql(self, span: Span) -> str:
        """The SQL for one partition."""
        text = self.text
        for number, column in enumerate(self.columns):
            inside = f"({column} >= TIMESTAMP '{span[0]}' AND {column} < TIMESTAMP '{span[1]}')"
            text = text.replace(f"{_MARK}{number}_", inside)
        return text

    def of_all(self, spans: Sequence[Span]) -> str:
        """The SQL for many: `start` and `value` of each."""
        rows = [
            f"SELECT '{span[0].isoformat()}' AS start, CAST(({self.sql(span)}) AS VARCHAR) AS value" for span in spans
        ]
        return " UNION ALL ".join(rows)


def placed_sql(sql: str, compiler: Compiler) -> str:
    """SQL over the tables where they are read; "" for what is none."""
    try:
        tree = sqlglot.parse_one(sql, read=compiler.model.dialect)
    except SqlglotError:
        return ""
    for table in list(tree.find_all(exp.Table)):
        if compiler.tables is not None and table.db and not table.catalog:
            place = exp.to_table(compiler.tables(f"{table.db}.{table.name}"))
            table.set("db", place.args["db"])
            table.set("this", place.this)
    return tree.sql(compiler.dialect)


def partition_key(sql: str, time: str, compiler: Compiler) -> PartitionKey | None:
    """The key of SQL whose only references are FILTER_PARAMS of a time dimension, each with a column; else None."""
    try:
        literals, mentions = split(sql)
        found = [parse_mention(mention) for mention in mentions]
    except TemplateError:
        return None
    columns: list[str] = []
    for mention in found:
        is_filter = mention.call == "filter" and mention.names[:1] == ("FILTER_PARAMS",)
        if not is_filter or ".".join(mention.names[1:]) != time or len(mention.arguments) != 1:
            return None
        (argument,) = mention.arguments
        if not isinstance(argument, str):
            return None
        columns.append(argument)
    marked = "".join(
        f"{literal}{_MARK}{number}_" if number < len(columns) else literal for number, literal in enumerate(literals)
    )
    text = placed_sql(marked, compiler)
    return PartitionKey(text, tuple(columns)) if text and columns else None


def as_text(values: Mapping[str, str | None]) -> str:
    """The values of partitions, by their start, as a rollup's record keeps them."""
    return msgspec.json.encode(dict(sorted(values.items()))).decode()


def changed_starts(before: str | None, now: str | None) -> set[datetime]:
    """The starts of partitions whose value is another, or that only one of two texts has."""
    old, new = (msgspec.json.decode(text, type=dict[str, str | None]) if text else {} for text in (before, now))
    starts = {start for start in {*old, *new} if start not in old or start not in new or old[start] != new[start]}
    return {datetime.fromisoformat(start) for start in starts}


def is_countable(spans: Sequence[Span]) -> bool:
    """Whether the partitions are few enough to be asked one by one."""
    return len(spans) <= _MOST
