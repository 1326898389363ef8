"""What all strategies share: whose events count, in which time and total order, and how they are read.

The total order of an entity's events is (micros, place): the time in microseconds, then the event's id, or its step and
id where `tie_order: steps` is declared. A *moment* is both in one text that sorts alike, so that MIN finds the first
event of a group together with its time and its id.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlmesh_project.funnels.declaration import Funnel
from sqlmesh_project.funnels.predicates import condition_sql, filter_sql, member_sql

ATTRIBUTES = ("company_key", "platform", "device_type", "browser", "domain", "country", "region")
"""Columns of events by which a funnel is broken down, taken from the event that `attribution` names."""

EVENTS = "core.events"
SESSIONS = "core.sessions"
DAY = 86400

Part = tuple[str, str]
"""Name and body of a common table expression."""

_ZERO = 2 * 10**18
"""Added to microseconds, it makes 19 digits of any year from 1 to 9999."""
_DIGITS = 19


def numbers(funnel: Funnel, start: int = 1) -> range:
    """Numbers of the steps from `start` on."""
    return range(start, len(funnel.steps) + 1)


def entity_sql(funnel: Funnel) -> str:
    """What is counted, as the key of an event's row."""
    key = "events.user_key"
    if funnel.entity == "user_and_company":
        key = f"CONCAT({key}, ' ', events.company_key)"
    return f"CONCAT({key}, ' ', sessions.session_key)" if funnel.count == "sessions" else key


def place_sql(funnel: Funnel) -> str:
    """What orders the events of one microsecond; unique per event."""
    if funnel.tie_order == "event_id":
        return "events.event_id"
    conditions = [condition_sql(step.where) for step in funnel.steps]
    ranks = " ".join(f"WHEN {one} THEN '{_rank(number)}'" for number, one in enumerate(conditions, 1))
    return f"CONCAT(CASE {ranks} ELSE '{_rank(0)}' END, events.event_id)"


def event_id_sql(funnel: Funnel, place: str) -> str:
    """The event's id in its place."""
    return place if funnel.tie_order == "event_id" else f"SUBSTR({place}, 2)"


def moment_sql(table: str) -> str:
    """Time and place of a row as one text that sorts like them."""
    return f"CONCAT(CAST({_ZERO} + {table}.micros AS STRING), {table}.place)"


def micros_sql(moment: str) -> str:
    return f"CAST(SUBSTR({moment}, 1, {_DIGITS}) AS INT64) - {_ZERO}"


def place_of_sql(moment: str) -> str:
    return f"SUBSTR({moment}, {_DIGITS + 1})"


def time_sql(micros: str) -> str:
    return f"TIMESTAMP_MICROS({micros})"


def bound(name: str, seconds: int = 0) -> str:
    """An end of the interval of the run, shifted by seconds."""
    return f"TIMESTAMP_ADD(CAST(CONCAT({name}, '+00:00') AS TIMESTAMP), INTERVAL {seconds} SECOND)"


def counted(funnel: Funnel) -> list[str]:
    """Conditions on whose events count: those of the source's people, neither staff nor robots unless declared."""
    conditions = [f"events.record_source = '{funnel.source}'", "NOT events.user_key IS NULL"]
    conditions += ["NOT events.company_key IS NULL"] if funnel.entity == "user_and_company" else []
    conditions += [] if funnel.include_staff else ["NOT events.is_staff"]
    return conditions + ([] if funnel.include_bots else ["NOT events.is_bot"])


def within_reach(funnel: Funnel) -> list[str]:
    """Conditions on times: what can matter to entries of the run's interval, and no more."""
    if not funnel.is_incremental:
        return []
    before = -DAY if funnel.count == "sessions" else 0
    return [
        f"events.occurred_at >= {bound('@start_ts', before)}",
        f"events.occurred_at <= {bound('@end_ts', funnel.conversion_window)}",
    ]


def step_filter(funnel: Funnel, *steps: int) -> str:
    """Condition that an event fills one of the steps."""
    return " OR ".join(f"({filter_sql(funnel.steps[number - 1].where)})" for number in steps)


def rows_query(
    funnel: Funnel, where: str, *, marks: Mapping[str, str] | None = None, times: list[str] | None = None
) -> str:
    """The events that a condition picks: entity_key, micros, place, marks, held values. Reads no other column.

    Each use reads the events anew: a common table of them would be written out, which costs more than the reading.
    """
    columns = [f"{_entity(funnel)} AS entity_key", "UNIX_MICROS(events.occurred_at) AS micros"]
    columns.append(f"{place_sql(funnel)} AS place")
    columns += [f"{condition} AS {name}" for name, condition in (marks or {}).items()]
    columns += [f"{member_sql(name)} AS held_{number}" for number, name in enumerate(funnel.hold_constant, 1)]
    if funnel.count == "sessions":
        return f"SELECT {', '.join(columns)} FROM journeys AS events WHERE {where}"
    limits = [*counted(funnel), *(within_reach(funnel) if times is None else times), f"({where})"]
    return f"SELECT {', '.join(columns)} FROM {EVENTS} AS events WHERE {' AND '.join(limits)}"


def journeys(funnel: Funnel) -> list[Part]:
    """Where sessions are counted: the events with their session, found once for all steps."""
    if funnel.count != "sessions":
        return []
    sessions = f"SELECT session_key, user_key, started_at, ended_at FROM {SESSIONS}"
    if funnel.is_incremental:
        sessions += f" WHERE started_at >= {bound('@start_ts', -DAY)} AND started_at <= {bound('@end_ts')}"
    limits = [*counted(funnel), *within_reach(funnel)]
    query = (
        f"SELECT events.*, {entity_sql(funnel)} AS entity_key FROM {EVENTS} AS events INNER JOIN sessions"
        " ON events.user_key = sessions.user_key AND events.occurred_at BETWEEN sessions.started_at"
        f" AND sessions.ended_at WHERE {' AND '.join(limits)}"
    )
    return [("sessions", sessions), ("journeys", query)]


def same_held(funnel: Funnel, left: str, right: str) -> list[str]:
    """Conditions that what is held constant is equal on both sides; two unknown values are equal."""
    return [
        f"{left}.held_{number} IS NOT DISTINCT FROM {right}.held_{number}"
        for number, _ in enumerate(funnel.hold_constant, 1)
    ]


def _entity(funnel: Funnel) -> str:
    return "events.entity_key" if funnel.count == "sessions" else entity_sql(funnel)


def _rank(number: int) -> str:
    """A letter per step, in their order; events of no step come last."""
    return chr(ord("a") + number - 1) if number else "z"
