"""The errors of ingestion.

IngestionError            a HeadraceError: its text says what, where and what to do
├── DeclarationError      a source's declaration is wrong: file, line, property
├── UnknownSource         no source of that name is declared
├── InputMissing          the path to ingest from is not there, or holds nothing that the source declares
├── UnreadableInput       one file or relation cannot be read; the others go on
├── SchemaDrift           a file's columns no longer fit its contract; the others go on
└── LakeError             the lake cannot be written or read
"""

from __future__ import annotations

from headrace.errors import HeadraceError


class IngestionError(HeadraceError):
    """Base of all that stops an ingestion."""


class DeclarationError(IngestionError):
    exit_code = 2


class UnknownSource(IngestionError):
    exit_code = 2


class InputMissing(IngestionError):
    exit_code = 66  # EX_NOINPUT


class UnreadableInput(IngestionError):
    exit_code = 65  # EX_DATAERR


class SchemaDrift(IngestionError):
    exit_code = 65  # EX_DATAERR


class LakeError(IngestionError):
    exit_code = 74  # EX_IOERR
