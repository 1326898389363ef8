"""The kinds of statements that are served, each with what it says."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp


@dataclass(frozen=True)
class Select:
    """A query: anything that returns rows from tables or values. The tree is shared: copy before changing it."""

    sql: str
    tree: exp.Query = field(compare=False)


@dataclass(frozen=True)
class Explain:
    select: Select


@dataclass(frozen=True)
class Copy:
    """COPY (query) TO STDOUT; `format` is text, csv or binary."""

    select: Select
    format: str
    header: bool
    delimiter: str
    null: str


@dataclass(frozen=True)
class Begin:
    pass


@dataclass(frozen=True)
class Commit:
    pass


@dataclass(frozen=True)
class Rollback:
    savepoint: str | None = None


@dataclass(frozen=True)
class Savepoint:
    name: str


@dataclass(frozen=True)
class Release:
    savepoint: str


@dataclass(frozen=True)
class SetVariable:
    """`value` is None for DEFAULT; `is_local` ends with the transaction."""

    name: str
    value: str | None
    is_local: bool = False


@dataclass(frozen=True)
class SetTransaction:
    pass


@dataclass(frozen=True)
class Reset:
    name: str | None


@dataclass(frozen=True)
class Show:
    name: str


@dataclass(frozen=True)
class Declare:
    cursor: str
    select: Select
    binary: bool
    hold: bool


@dataclass(frozen=True)
class Fetch:
    """`count` is None for ALL. MOVE is a fetch that shows nothing."""

    cursor: str
    count: int | None
    is_move: bool = False


@dataclass(frozen=True)
class CloseCursor:
    name: str | None


@dataclass(frozen=True)
class Prepare:
    """`types` are names of PostgreSQL's types, for as many parameters as were given one."""

    name: str
    types: tuple[str, ...]
    select: Select


@dataclass(frozen=True)
class Execute:
    """`values` are constants as texts; None is NULL."""

    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class Deallocate:
    name: str | None


@dataclass(frozen=True)
class Discard:
    what: str


@dataclass(frozen=True)
class Unlisten:
    pass


Statement = (
    Select | Explain | Copy | Begin | Commit | Rollback | Savepoint | Release | SetVariable | SetTransaction | Reset
    | Show | Declare | Fetch | CloseCursor | Prepare | Execute | Deallocate | Discard
    | Unlisten
)  # fmt: skip
