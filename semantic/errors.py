"""What can go wrong between a data model, a query and its SQL.

SemanticError
├── DataModelError          the YAML is wrong; every problem at once, each with file, line, property and rule
├── QueryError              the query is wrong: code, place in the query, advice
│   ├── QueryFormatError    its shape (an unknown property, a bad type, a bad operator, a bad date)
│   ├── UnknownMemberError  a cube, view, member, segment or granularity that does not exist
│   ├── HiddenMemberError   a member that is not public, or that an access policy denies
│   ├── LimitExceededError  more rows asked for than may be given
│   └── PlanError           no right SQL exists (no join path, an ambiguous one, a trap)
└── EngineError             the compiled SQL could not be run
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SemanticError(Exception):
    """Root of everything that this package raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One broken rule of a data model file: where, which property, which rule, and what to do."""

    file: str
    line: int
    property: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.property}: {self.message} [{self.rule}]"


class DataModelError(SemanticError):
    """A data model that cannot be used. `problems` lists all that is wrong, sorted by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class QueryError(SemanticError):
    """A query that cannot be answered.

    `message` is the text that real Cube's REST API would send where it has one; `code` is stable and
    machine-readable; `place` names the member or the part of the query (`filters[0]`); `advice` says what to do.
    """

    code = "query"

    def __init__(self, message: str, *, place: str = "", advice: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.advice = advice
        if code is not None:
            self.code = code


class QueryFormatError(QueryError):
    """The query is malformed; nothing in it was looked up yet. REST answers 400 without a type."""

    code = "query_format"


class UnknownMemberError(QueryError):
    """A name in the query stands for nothing in the data model. REST answers 400, type UserError."""

    code = "unknown_member"


class HiddenMemberError(QueryError):
    """A member that exists, but not for this caller. REST answers 500, as Cube does."""

    code = "hidden_member"


class LimitExceededError(QueryError):
    """The limit is over the highest one allowed. REST answers 500, as Cube does."""

    code = "limit_exceeded"


class PlanError(QueryError):
    """The query is well formed, but there is no SQL that would answer it rightly. REST answers 400, type UserError."""

    code = "plan"


class EngineError(SemanticError):
    """The warehouse refused or could not run a compiled query."""
