"""What tells one file's content from another's: its hash, its size, and the number of its lines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ingestion.errors import UnreadableInput

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fingerprint:
    """`modified_ns` lets a later run skip a file that it has seen without reading it."""

    content_hash: str
    size_bytes: int
    modified_ns: int


def fingerprint(path: Path) -> Fingerprint:
    """Hash a local file. Raises UnreadableInput."""
    digest = hashlib.sha256()
    try:
        state = path.stat()
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise UnreadableInput(f"{path.name} cannot be read: {error.strerror}") from error
    return Fingerprint(digest.hexdigest(), state.st_size, state.st_mtime_ns)


def line_count(path: Path, compression: str | None) -> int:
    """Lines of a text file; a last line without an end counts. Raises UnreadableInput."""
    lines, last = 0, b"\n"
    try:
        with pa.input_stream(str(path), compression=compression) as stream:
            while chunk := stream.read(_CHUNK):
                lines += chunk.count(b"\n")
                last = chunk[-1:]
    except OSError as error:
        raise UnreadableInput(f"{path.name} cannot be read: {error}") from error
    return lines + (last != b"\n")
