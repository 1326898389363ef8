"""Reads Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion import sql
from ingestion.errors import UnreadableInput
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming, column_names


def read_parquet(path: Path, name: str) -> Iterator[Incoming]:
    """The rows with the types they have. Raises UnreadableInput for a truncated file."""
    try:
        found = pq.read_schema(str(path)).names
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInput(f"{name}: not a whole Parquet file: {error}") from error
    columns = column_names(found, name)
    renamed = ", ".join(
        f"{sql.name(before)} AS {sql.name(after)}" for before, after in zip(found, columns, strict=True)
    )
    yield Incoming(
        f"SELECT {renamed}, NULL::BIGINT AS {LINES}, NULL::VARCHAR AS {FAULT}, NULL::VARCHAR AS {FAULTY_TEXT} "
        f"FROM read_parquet({sql.text(path)}, hive_partitioning = false)",
        columns,
    )
