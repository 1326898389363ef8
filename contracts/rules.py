"""The rules a contract may hold: each a small frozen class with a name, a severity and a sentence.

Row rules judge one row and are Ibis expressions of it; table rules judge the table as a whole. A row rule holds when
its expression is true or NULL (as a SQL CHECK does), so that only `not_null` speaks about missing values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Generic, Literal, TypeVar

import ibis.expr.types as ir

Severity = Literal["error", "warn"]
Value = int | float | str | bool | date | datetime | Decimal
T = TypeVar("T")


@dataclass(frozen=True)
class Warn(Generic[T]):
    """A limit whose violation is reported, but stops nothing."""

    value: T


def warn(value: T) -> Warn[T]:
    """Say that breaking this limit is a warning: `column("...", ge=warn(0))`."""
    return Warn(value)


@dataclass(frozen=True)
class ForeignKey:
    """Every value of the column stands in `column` of table `layer.table`."""

    layer: str
    table: str
    column: str


@dataclass(frozen=True)
class Freshness:
    """The newest value of `column` is at most `limit` old."""

    column: str
    limit: timedelta
    severity: Severity = "warn"


@dataclass(frozen=True)
class Rows:
    """How many rows the table may have."""

    at_least: int = 0
    at_most: int | None = None
    severity: Severity = "error"


@dataclass(frozen=True)
class Rule(ABC):
    """Base of all rules; `columns` are the columns it speaks of, in the table's spelling."""

    columns: tuple[str, ...]
    severity: Severity

    @property
    def name(self) -> str:
        """The rule's name, unique for its columns within a contract."""
        return self.kind

    @property
    @abstractmethod
    def text(self) -> str:
        """What must hold, as the end of a sentence that starts with the column's name."""

    kind: ClassVar[str] = "rule"


@dataclass(frozen=True)
class RowRule(Rule):
    """A rule about a single row."""

    @abstractmethod
    def holds(self, row: ir.Table) -> ir.BooleanValue:
        """Whether the row keeps the rule: true or NULL when it does."""

    @property
    def column(self) -> str:
        """The column of a rule about a single column."""
        return self.columns[0]


@dataclass(frozen=True)
class NotNull(RowRule):
    """The column has a value in every row."""

    kind: ClassVar[str] = "not_null"

    @property
    def text(self) -> str:
        return "must not be NULL"

    def holds(self, row: ir.Table) -> ir.BooleanValue:
        return row[self.column].notnull()


_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "ge": ("at least", lambda column, bound: column >= bound),
    "gt": ("greater than", lambda column, bound: column > bound),
    "le": ("at most", lambda column, bound: column <= bound),
    "lt": ("less than", lambda column, bound: column < bound),
}


@dataclass(frozen=True)
class Limit(RowRule):
    """The column compares to a bound: ge, gt, le or lt."""

    comparison: Literal["ge", "gt", "le", "lt"]
    bound: Value

    @property
    def name(self) -> str:
        return self.comparison

    @property
    def text(self) -> str:
        return f"must be {_COMPARISONS[self.comparison][0]} {self.bound}"

    def holds(self, row: ir.Table) -> ir.BooleanValue:
        result: ir.BooleanValue = _COMPARISONS[self.comparison][1](row[self.column], self.bound)
        return result


@dataclass(frozen=True)
class OneOf(RowRule):
    """The column takes only listed values."""

    values: tuple[Value, ...]
    kind: ClassVar[str] = "isin"

    @property
    def text(self) -> str:
        return f"must be one of {', '.join(str(value) for value in self.values)}"

    def holds(self, row: ir.Table) -> ir.BooleanValue:
        return row[self.column].isin(self.values)


@dataclass(frozen=True)
class Pattern(RowRule):
    """The whole value matches a regular expression (RE2 syntax, which both engines speak)."""

    pattern: str
    kind: ClassVar[str] = "pattern"

    @property
    def text(self) -> str:
        return f"must match {self.pattern}"

    def holds(self, row: ir.Table) -> ir.BooleanValue:
        value: Any = row[self.column]
        result: ir.BooleanValue = value.re_search(f"^(?:{self.pattern})$")
        return result


@dataclass(frozen=True)
class MaxLength(RowRule):
    """The value has at most so many characters."""

    length: int
    kind: ClassVar[str] = "max_length"

    @property
    def text(self) -> str:
        return f"must have at most {self.length} characters"

    def holds(self, row: ir.Table) -> ir.BooleanValue:
        value: Any = row[self.column]
        result: ir.BooleanValue = value.length() <= self.length
        return result


@dataclass(frozen=True)
class Custom(RowRule):
    """A rule over several columns, written in the contract as `name = rule("...", lambda row: ...)`.

    `sql` is the condition in the models' dialect, in statements only.
    """

    label: str
    sentence: str
    condition: Callable[[ir.Table], ir.BooleanValue] = field(compare=False)
    sql: str = ""

    @property
    def name(self) -> str:
        return self.label

    @property
    def text(self) -> str:
        return self.sentence

    def holds(self, row: ir.Table) -> ir.BooleanValue:
        return self.condition(row)


@dataclass(frozen=True)
class Unique(Rule):
    """No two rows are equal in all the columns; rows with a NULL among them are not compared."""

    kind: ClassVar[str] = "unique"

    @property
    def text(self) -> str:
        return "must be unique" if len(self.columns) == 1 else "must be unique together"


@dataclass(frozen=True)
class Relationship(Rule):
    """Every value of the column stands in a column of another table; NULL points nowhere and is allowed."""

    target: ForeignKey
    kind: ClassVar[str] = "relationship"

    @property
    def text(self) -> str:
        return f"must stand in {self.target.layer}.{self.target.table}.{self.target.column}"


@dataclass(frozen=True)
class Recent(Rule):
    """The newest value of the column is at most so old."""

    limit: timedelta
    kind: ClassVar[str] = "freshness"

    @property
    def text(self) -> str:
        return f"must have a value of the last {_words(self.limit)}"


def _words(limit: timedelta) -> str:
    days, hours = limit.days, limit.seconds / 3600
    return f"{days} days" if not hours else f"{days * 24 + hours:g} hours"


@dataclass(frozen=True)
class Volume(Rule):
    """The table has a number of rows within limits."""

    at_least: int
    at_most: int | None
    kind: ClassVar[str] = "rows"

    @property
    def text(self) -> str:
        upper = "" if self.at_most is None else f" and at most {self.at_most}"
        return f"must have at least {self.at_least}{upper} rows"
