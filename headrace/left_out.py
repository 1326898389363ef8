"""Tells of events that no model has: of days before the models begin, and of days to come."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlglot import parse_one

from sqlmesh_project.readiness import LEDGER

if TYPE_CHECKING:
    from sqlmesh import Context

EVENTS = "core.events"
_REACH = f"""
SELECT table_name, source, CAST(MIN(min_event_at) AS DATE), CAST(MAX(max_event_at) AS DATE)
FROM {LEDGER}
WHERE status = 'loaded' AND NOT min_event_at IS NULL
GROUP BY table_name, source
ORDER BY table_name
"""


@dataclass(frozen=True)
class Reach:
    """The first and the last day of a raw table's rows."""

    table: str
    source: str
    first: date
    last: date


def left_out(context: Context, today: date) -> list[str]:
    """What to tell of the raw tables whose events `core.events` has no day for; nothing without a ledger."""
    from sqlmesh.utils.date import to_date

    if not context.engine_adapter.table_exists(LEDGER):
        return []
    events = context.get_model(EVENTS, raise_if_missing=True)
    audited = (given["source"].name for audit, given in events.audits_with_args if audit.name == "keeps_rows")
    found = context.engine_adapter.fetchall(parse_one(_REACH, dialect="bigquery"))
    begin = to_date(events.start) if events.start else date.min
    return sentences((Reach(*row) for row in found), set(audited), begin, today)


def sentences(reaches: Iterable[Reach], tables: Collection[str], begin: date, today: date) -> list[str]:
    """One for each of `tables` that has rows before `begin` or after `today`. Where one of them knows no time, the
    others of its source stand for it."""
    known = list(reaches)
    timeless = {name.split("__")[0] for name in tables if name not in {one.table for one in known}}
    texts = []
    for one in known:
        if one.table not in tables and one.source not in timeless:
            continue
        if one.first < begin:
            texts.append(
                f"raw.{one.table} has rows from {one.first} on, and the models begin on {begin}: to have these,"
                f" set an earlier `model_defaults: start` in config.yaml and restate {EVENTS} from there"
            )
        if one.last > today:
            texts.append(f"raw.{one.table} has rows of days to come, up to {one.last}: models have days that are over")
    return texts
