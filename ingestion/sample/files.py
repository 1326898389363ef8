"""Writes the files of a sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from ingestion import sql


@dataclass(frozen=True)
class Written:
    """A file (or a table of a database) of the sample and its rows."""

    path: Path
    rows: int
    relation: str = ""

    def name(self, folder: Path) -> str:
        """The file below `folder`, and the table in it."""
        path = self.path.relative_to(folder).as_posix()
        return f"{path}:{self.relation}" if self.relation else path


def copy(connection: duckdb.DuckDBPyConnection, path: Path, query: str, options: str = "") -> Written:
    """Write a query's rows; the format is that of the ending (.csv, .parquet, .jsonl, also .gz)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ending = path.suffixes[-2] if path.suffix in {".gz", ".zst"} else path.suffix
    formats = {
        ".csv": "FORMAT csv, HEADER",
        ".tsv": "FORMAT csv, HEADER false, DELIMITER '\t', QUOTE ''",
        ".parquet": "FORMAT parquet",
        ".jsonl": "FORMAT json",
    }
    compression = {".gz": ", COMPRESSION gzip", ".zst": ", COMPRESSION zstd"}.get(path.suffix, "")
    row = connection.execute(f"COPY ({query}) TO {sql.text(path)} ({formats[ending]}{compression}{options})").fetchone()
    return Written(path, int(row[0]) if row else 0)


def append_lines(written: Written, lines: list[str]) -> Written:
    """Add lines to a text file that no COPY would write."""
    with written.path.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    return replace(written, rows=written.rows + len(lines))
