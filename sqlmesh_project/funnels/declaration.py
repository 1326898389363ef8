"""A funnel as declared: frozen dataclasses, one field per option of the YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Order = Literal["ordered", "strict", "unordered"]
Entry = Literal["first", "any"]
Count = Literal["unique", "totals", "sessions"]
Effect = Literal["drop_off", "disqualify"]
TieOrder = Literal["event_id", "steps"]
Entity = Literal["user", "user_and_company"]
Value = str | int | float | bool

EVENT_COLUMNS = (
    "event_type",
    "event_name",
    "platform",
    "device_type",
    "browser",
    "domain",
    "country",
    "region",
    "consent_status",
    "company_id",
)
"""Columns of core.events that a predicate may compare and `hold_constant` may name."""

PROPERTY = "properties."
"""Prefix of names that lie in the JSON properties of an event."""


@dataclass(frozen=True)
class Condition:
    """One column or property that has one of the values, or with `negated` none of them."""

    name: str
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True)
class Predicate:
    """Conditions that all hold."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Step:
    """One step: its name and the events that fill it."""

    name: str
    where: Predicate


@dataclass(frozen=True)
class Exclusion:
    """Events that must not happen after step `after` and before step `before` (numbers from 1)."""

    where: Predicate
    effect: Effect
    after: int
    before: int


@dataclass(frozen=True)
class Funnel:
    """A funnel. Times are in seconds; `attribution` is "first_touch", "last_touch" or the number of a step."""

    name: str
    description: str
    source: str
    steps: tuple[Step, ...]
    conversion_window: int
    entity: Entity = "user"
    order: Order = "ordered"
    entry: Entry = "first"
    count: Count = "unique"
    step_window: int | None = None
    strict_increase: bool = False
    tie_order: TieOrder = "event_id"
    scope: Predicate | None = None
    exclusions: tuple[Exclusion, ...] = ()
    hold_constant: tuple[str, ...] = ()
    attribution: str | int = "first_touch"
    timezone: str = "UTC"
    include_staff: bool = False
    include_bots: bool = False

    @property
    def is_incremental(self) -> bool:
        """Whether an entry depends on its window only. With `any` it depends on all the entity's attempts before it."""
        return self.entry == "first" or self.count == "sessions"
