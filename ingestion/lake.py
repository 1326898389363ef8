"""The lake: every batch as one immutable Parquet file, from which all raw tables can be rebuilt.

A file holds all rows of its input in their order: those that keep the contract in its types, the others with their
reasons and their original text, and columns that the contract does not name yet. The batch's identity is its metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion import sql
from ingestion.batch import Identity
from ingestion.errors import LakeError

METADATA_KEY = "headrace"
STAGING = ".staging"
_COMPRESSION_LEVEL = 1
"""Files of level 3, which is usual, are no smaller, and take half as long again to compress."""
_ROW_GROUP = 120_000
"""Groups end with the chunk that reaches this, and stay below the 122,880 rows of the engine's own groups. Those that
go beyond leave groups of few rows in the raw table, and the engine then writes it all again to join them."""
DISK_FULL = "No space left"
"""How the engine's messages tell a full disk."""


def staging_path(lake: Path, identity: Identity) -> Path:
    """Where a batch is written until it is whole."""
    return lake / STAGING / f"{identity.batch_id}.parquet"


def lake_path(identity: Identity) -> str:
    """The place of a batch below the lake's folder."""
    table = identity.table.removeprefix(f"{identity.source}__")
    return f"{identity.source}/{table}/loaded_on={identity.loaded_at:%Y-%m-%d}/{identity.batch_id}.parquet"


def stage(connection: duckdb.DuckDBPyConnection, rows: str, identity: Identity, target: Path) -> None:
    """Write the rows of a SELECT. Raises LakeError when the disk refuses; the reader's errors pass through."""
    _make_folder(target.parent)
    metadata = sql.struct({METADATA_KEY: msgspec.json.encode(identity).decode()})
    try:
        connection.execute(
            f"COPY ({rows}) TO {sql.text(target)} (FORMAT parquet, COMPRESSION zstd, "
            f"COMPRESSION_LEVEL {_COMPRESSION_LEVEL}, ROW_GROUP_SIZE {_ROW_GROUP}, KV_METADATA {metadata})"
        )
    except duckdb.Error as error:
        target.unlink(missing_ok=True)
        if str(target) in str(error) or DISK_FULL in str(error):
            raise LakeError(f"the lake cannot be written: {error}") from error
        raise


def publish(lake: Path, staged: Path, identity: Identity) -> Path:
    """Give a staged batch its lasting name, in one step. Raises LakeError."""
    target = lake / lake_path(identity)
    _make_folder(target.parent)
    try:
        staged.replace(target)
    except OSError as error:
        raise LakeError(f"the lake cannot be written: {error}") from error
    return target


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LakeError(f"the lake cannot be written: {error}") from error


def read_identity(path: Path) -> Identity:
    """The identity of the batch in a lake file. Raises LakeError when the file is not one of ours."""
    try:
        metadata = pq.read_metadata(str(path)).metadata or {}
        return msgspec.json.decode(metadata[METADATA_KEY.encode()], type=Identity)
    except (OSError, KeyError, pa.ArrowException, msgspec.MsgspecError) as error:
        raise LakeError(f"{path} is not a file that ingestion wrote: {error}") from error


def batches(lake: Path, source: str | None = None) -> Iterator[tuple[Path, Identity]]:
    """Every batch of the lake (of one source), in the order in which they were loaded."""
    files = sorted(lake.glob(f"{source or '*'}/*/loaded_on=*/*.parquet"))
    found = sorted(((path, read_identity(path)) for path in files), key=lambda one: one[1].loaded_at)
    # a run that was killed after writing a batch wrote it again when it was called again
    latest = {identity.batch_id: path for path, identity in found}
    yield from ((path, identity) for path, identity in found if latest[identity.batch_id] == path)
