"""Sources as data: reads `sources/<source>.yml` into frozen declarations and refuses what does not make sense."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
import yaml

from contracts.base import Contract
from contracts.errors import UnknownContract
from contracts.registry import contract_for
from ingestion.errors import DeclarationError, UnknownSource

SOURCES = Path(__file__).parent / "sources"

Mode = Literal["append", "upsert", "snapshot"]
Format = Literal["csv", "tsv", "parquet", "jsonl", "snowplow"]
CountIs = Literal["observed", "extrapolated"]


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which columns say how many events a row stands for, and whether the count is extrapolated already."""

    count: str
    rate: str
    count_is: CountIs


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A self-describing context (Snowplow), and what every version of its schema that we read has in common."""

    schema: str
    """vendor/name"""
    model: int
    """First number of the versions that are read; another one means another shape."""
    required: tuple[str, ...] = ()
    """Members that have a value in all of these versions."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One raw table: where its rows come from and how they are put with those loaded before."""

    mode: Mode
    contract: str
    """Table of the raw contract; also the name of the raw table."""
    files: tuple[str, ...] = ()
    """Patterns of file names, or of paths below the given folder where they hold a slash."""
    relations: tuple[str, ...] = ()
    """Patterns of table names in a SQLite or PostgreSQL database."""
    format: Format | None = None
    """How to read files whose ending does not say it."""
    delimiter: str = ","
    cursor: str | None = None
    """Column that grows when a row is new or changed: what lies before the last one read is not read again."""
    time_column: str | None = None
    """When the row's fact happened: watermarks and late rows are measured by it."""
    time_fallback: str | None = None
    """Column that says so where `time_column` is NULL."""
    sampling: Sampling | None = None
    contexts: dict[str, Context] = {}
    """Column <- self-describing context (Snowplow)."""

    @property
    def time_columns(self) -> tuple[str, ...]:
        """Where the time of a row's fact is looked for, in order; none for facts without one."""
        return tuple(column for column in (self.time_column, self.time_fallback) if column is not None)

    @property
    def contract_class(self) -> type[Contract]:
        return contract_for("raw", self.contract)


class Source(msgspec.Struct, frozen=True):
    """A product that feeds the warehouse."""

    name: str
    description: str
    tables: Mapping[str, Table]


def known_sources(folder: Path = SOURCES) -> tuple[str, ...]:
    """The names of the declared sources, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yml")))


def load_source(name: str, folder: Path = SOURCES) -> Source:
    """The declaration of a source. Raises UnknownSource, or DeclarationError with every mistake, its file and line."""
    path = folder / f"{name}.yml"
    if not path.is_file():
        raise UnknownSource(f"no source {name!r} is declared; known: {', '.join(known_sources(folder)) or 'none'}")
    return _read(path)


@cache
def _read(path: Path) -> Source:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path.name}: not valid YAML: {error}") from error
    lines = dict(_lines(root, ()))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    problems = [
        f"{path.name}:{_line(lines, place)}: {'.'.join(place) or 'file'}: {text}"
        for place, text in _problems(content, path.stem)
    ]
    if problems:
        raise DeclarationError("\n".join(problems))
    tables = {name: msgspec.convert(table, Table) for name, table in content["tables"].items()}
    return Source(path.stem, content["description"], MappingProxyType(tables))


Place = tuple[str, ...]


def _lines(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    """The line of every property, so that a mistake can be pointed at."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)


def _line(lines: Mapping[Place, int], place: Place) -> int:
    """The line of a place, or of the nearest one around it that is written down."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _problems(content: object, stem: str) -> Iterator[tuple[Place, str]]:
    if not isinstance(content, dict):
        yield (), "expected the properties source, description and tables"
        return
    for name in sorted(set(content) - {"source", "description", "tables"}):
        yield (name,), "unknown property; known: source, description, tables"
    if content.get("source") != stem:
        yield ("source",), f"must be the name of the file, {stem!r}"
    if not isinstance(content.get("description"), str):
        yield ("description",), "say in a sentence what the source is"
    tables = content.get("tables")
    if not isinstance(tables, dict) or not tables:
        yield ("tables",), "expected at least one table"
        return
    for name, table in tables.items():
        yield from _table_problems(("tables", str(name)), table)


def _table_problems(place: Place, content: object) -> Iterator[tuple[Place, str]]:
    try:
        table = msgspec.convert(content, Table)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = re.search(r"unknown field `(\w+)`", text)
        where = re.search(r"`\$\.(\w+)", text)
        found = unknown or where
        yield (*place, *((found[1],) if found else ())), text.split(" - at")[0]
        return
    if not table.files and not table.relations:
        yield place, "declare `files`, `relations` or both"
    try:
        contract = table.contract_class
    except UnknownContract as error:
        yield (*place, "contract"), str(error)
        return
    yield from _column_problems(place, table, {column.name for column in contract.columns()})


def _column_problems(place: Place, table: Table, columns: set[str]) -> Iterator[tuple[Place, str]]:
    named = {"cursor": table.cursor, "time_column": table.time_column, "time_fallback": table.time_fallback}
    for property_, column in named.items():
        if column is not None and column not in columns:
            yield (*place, property_), f"the contract has no column {column!r}"
    if table.time_fallback is not None and table.time_column is None:
        yield (*place, "time_fallback"), "declare `time_column` too"
    for property_, column in (
        {"count": table.sampling.count, "rate": table.sampling.rate} if table.sampling else {}
    ).items():
        if column not in columns:
            yield (*place, "sampling", property_), f"the contract has no column {column!r}"
    for column in table.contexts:
        if not {column, f"{column}_version"} <= columns:
            yield (*place, "contexts", column), f"the contract needs the columns {column} and {column}_version"
