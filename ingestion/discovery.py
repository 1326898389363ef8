"""Finds what a source's declaration asks for: files below a folder or URL, or relations of a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import cast

import fsspec

from ingestion.declaration import Format, Source, Table
from ingestion.errors import InputMissing, UnreadableInput

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
DATABASES = (".sqlite", ".sqlite3", ".db")
POSTGRES = ("postgresql://", "postgres://")

_URL = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True)
class File:
    """A file of one table. `location` is its path or URL, `name` its path below the folder that was given."""

    table: str
    name: str
    location: str
    format: Format
    compression: str | None

    @property
    def is_remote(self) -> bool:
        return bool(_URL.match(self.location))


@dataclass(frozen=True)
class Relation:
    """A table of a SQLite or PostgreSQL database; `name` is the database's name and the relation's."""

    table: str
    name: str
    location: str
    relation: str


Item = File | Relation


def discover(source: Source, location: str | Path) -> tuple[Item, ...]:
    """Everything at `location` that the source declares, in a stable order.

    `location` is a folder, a file, a SQLite database, a PostgreSQL URL or any URL that fsspec reads. Raises
    InputMissing when it is not there or holds nothing of the source.
    """
    place = str(location)
    if place.lower().startswith(POSTGRES):
        found: list[Item] = list(_relations(source, place, "postgresql"))
    elif _URL.match(place):
        found = list(_remote(source, place))
    else:
        found = list(_local(source, Path(place)))
    if not found:
        raise InputMissing(f"nothing of source {source.name} in {place}: {_wanted(source)}")
    order = {name: index for index, name in enumerate(source.tables)}
    return tuple(sorted(found, key=lambda item: (order[item.table], item.name)))


def _wanted(source: Source) -> str:
    patterns = [f"{name} ({', '.join((*table.files, *table.relations))})" for name, table in source.tables.items()]
    return f"its tables come from {'; '.join(patterns)}"


def _local(source: Source, path: Path) -> Iterator[Item]:
    if not path.exists():
        raise InputMissing(f"{path} is not there: say with --from where the export of {source.name} lies")
    if path.is_file():
        yield from _one(source, path, path.name)
        return
    try:
        # a link that leads nowhere is an input that is missing, and is told
        files = sorted(found for found in path.rglob("*") if found.is_file() or _leads_nowhere(found))
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be listed: {error.strerror}") from error
    for file in files:
        yield from _one(source, file, file.relative_to(path).as_posix())


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _one(source: Source, path: Path, name: str) -> Iterator[Item]:
    if path.suffix.lower() in DATABASES:
        yield from _relations(source, str(path.resolve()), name)
    else:
        yield from _file(source, str(path.resolve()), name)


def _remote(source: Source, url: str) -> Iterator[Item]:
    try:
        filesystem, root = fsspec.core.url_to_fs(url)
        paths = filesystem.find(root) if not filesystem.isfile(root) else [root]
    except (OSError, ValueError, ImportError) as error:
        raise InputMissing(f"{url} cannot be read: {error}") from error
    for path in sorted(paths):
        name = PurePosixPath(path).relative_to(root).as_posix() if path != root else PurePosixPath(path).name
        yield from _file(source, cast("str", filesystem.unstrip_protocol(path)), name)


def _file(source: Source, location: str, name: str) -> Iterator[File]:
    path = PurePosixPath(name.lower())
    compression = COMPRESSIONS.get(path.suffix)
    if compression:
        path = path.with_suffix("")
    spoken = ENDINGS.get(path.suffix)
    if spoken is None:
        return
    for table_name, table in source.tables.items():
        if _matches(name, table.files):
            yield File(table_name, name, location, _format(table, spoken), compression)
            return


def _format(table: Table, spoken: Format) -> Format:
    """A declared format reads endings that say little (.tsv, .txt); the others speak for themselves."""
    return table.format if table.format and spoken == "tsv" else spoken


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    lowered = name.lower()
    return any(fnmatchcase(lowered if "/" in pattern else lowered.rsplit("/", 1)[-1], pattern) for pattern in patterns)


def _relations(source: Source, location: str, name: str) -> Iterator[Relation]:
    from ingestion.reading.relation import relations_of

    if not any(table.relations for table in source.tables.values()):
        return
    for relation in relations_of(location):
        for table_name, table in source.tables.items():
            if any(fnmatchcase(relation.lower(), pattern) for pattern in table.relations):
                yield Relation(table_name, f"{name}:{relation}", location, relation)
                break
