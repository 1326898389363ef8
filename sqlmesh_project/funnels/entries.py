"""Where each entity enters a funnel of which it has one path: `entered` (entity_key, moment_1), by one of two rules.

`first`: the first event of the first step of all time. `any`: the earliest event of the first step whose path goes
furthest. The second needs no walk from every entry. For each event of step 2, 3, ... in turn it looks up the latest
entry from which the step can be reached there (`started`), in one window over the events of that step and the reached
ones of the step before. The first event at the furthest step then says which entry is the earliest to get there: the
first within the conversion window before it. For a walk from an earlier entry never arrives later.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmesh_project.funnels.declaration import Funnel
from sqlmesh_project.funnels.scope import (
    EVENTS,
    Part,
    bound,
    counted,
    entity_sql,
    moment_sql,
    numbers,
    rows_query,
    step_filter,
)


def first_entries(funnel: Funnel) -> Iterator[Part]:
    """The first entry of each entity, if it lies in the interval of the run."""
    is_per_user = funnel.count != "sessions"
    times = [f"events.occurred_at BETWEEN {bound('@start_ts')} AND {bound('@end_ts')}"] if is_per_user else None
    yield "step_1", rows_query(funnel, step_filter(funnel, 1), times=times)
    earliest = f"SELECT entity_key, MIN({moment_sql('step_1')}) AS moment_1 FROM step_1 GROUP BY entity_key"
    if not is_per_user:
        yield "entered", earliest
        return
    yield "earliest", earliest
    limits = [*counted(funnel), step_filter(funnel, 1), f"events.occurred_at < {bound('@start_ts')}"]
    yield (
        "earlier",
        f"SELECT DISTINCT {entity_sql(funnel)} AS entity_key FROM {EVENTS} AS events WHERE {' AND '.join(limits)}",
    )
    # after the grouping: fewer rows to look up than there are events of the step
    yield (
        "entered",
        "SELECT earliest.entity_key, earliest.moment_1 FROM earliest"
        " LEFT JOIN earlier ON earliest.entity_key = earlier.entity_key WHERE earlier.entity_key IS NULL",
    )


def furthest_entries(funnel: Funnel) -> Iterator[Part]:
    """The earliest of the entries that go furthest."""
    yield from _levels(funnel)
    furthest = ", ".join(f"MIN(CASE WHEN level = {number} THEN micros END)" for number in reversed(numbers(funnel, 2)))
    yield "furthest", f"SELECT entity_key, COALESCE({furthest}) AS micros FROM levels GROUP BY entity_key"
    yield (
        "entered",
        f"SELECT step_1.entity_key, MIN({moment_sql('step_1')}) AS moment_1 FROM step_1"
        " LEFT JOIN furthest ON step_1.entity_key = furthest.entity_key"
        f" WHERE furthest.micros IS NULL OR step_1.micros >= furthest.micros - {_window(funnel)}"
        " GROUP BY step_1.entity_key",
    )


def furthest_levels(funnel: Funnel) -> Iterator[Part]:
    """How far the furthest path of each entity goes: `attempted` (entity_key, reached_count)."""
    yield from _levels(funnel)
    yield (
        "attempted",
        "SELECT entity_key, MAX(level) AS reached_count FROM ("
        "SELECT entity_key, 1 AS level FROM step_1 UNION ALL SELECT entity_key, level FROM levels"
        ") GROUP BY entity_key",
    )


def _levels(funnel: Funnel) -> Iterator[Part]:
    """The events of the first step, and each event by which a further step is reached, with its level."""
    yield "step_1", rows_query(funnel, step_filter(funnel, 1))
    reached = numbers(funnel, 2)
    for number in reached:
        yield from _reached(funnel, number)
    levels = (f"SELECT entity_key, {number} AS level, micros FROM reached_{number}" for number in reached)
    yield "levels", " UNION ALL ".join(levels)


def _window(funnel: Funnel) -> int:
    return funnel.conversion_window * 1_000_000


def _reached(funnel: Funnel, number: int) -> Iterator[Part]:
    """The events by which a step is reached, with the latest entry that gets there.

    `is_arrival` marks the events of the step, the others hand on their start; an event in both parts arrives first,
    as it fills one step only.
    """
    yield f"arrivals_{number}", _arrivals(funnel, number)
    start = "CASE WHEN NOT is_arrival THEN started END"
    if funnel.strict_increase:
        latest = (
            f"MAX({start}) OVER (PARTITION BY entity_key ORDER BY micros"
            " RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        )
    else:
        # only an arrival right after a start matters: one that follows another arrives later from the same entry
        latest = f"LAG({start}) OVER (PARTITION BY entity_key ORDER BY micros, place, is_arrival DESC)"
    yield (
        f"started_{number}",
        f"SELECT entity_key, micros, place, is_arrival, {latest} AS latest_start FROM arrivals_{number}",
    )
    yield (
        f"reached_{number}",
        f"SELECT entity_key, micros, place, latest_start AS started FROM started_{number}"
        f" WHERE is_arrival AND latest_start >= micros - {_window(funnel)}",
    )


def _arrivals(funnel: Funnel, number: int) -> str:
    before = f"SELECT entity_key, micros, place, started FROM reached_{number - 1}"
    if number == 2:
        before = (
            f"SELECT entity_key, micros, place, micros AS started FROM ({rows_query(funnel, step_filter(funnel, 1))})"
        )
    arriving = rows_query(funnel, step_filter(funnel, number))
    return (
        f"SELECT entity_key, micros, place, started, FALSE AS is_arrival FROM ({before}) AS starts UNION ALL"
        " SELECT entity_key, micros, place, CAST(NULL AS INT64) AS started, TRUE AS is_arrival"
        f" FROM ({arriving}) AS fills"
    )
