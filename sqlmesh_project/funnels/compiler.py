"""Compiles a funnel to SQL: `Funnel` -> the query of its table of paths, one row per entry with the time of each step.

Each strategy ends in `attempted`: one row per path with its entity, the moment of each step and how many were reached.
One entry per entity is found first and walked alone; where every entry has to be tried, windows walk all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlmesh_project.funnels.declaration import Funnel
from sqlmesh_project.funnels.entries import first_entries, furthest_entries, furthest_levels
from sqlmesh_project.funnels.pointers import walk_all
from sqlmesh_project.funnels.scope import (
    ATTRIBUTES,
    EVENTS,
    Part,
    bound,
    counted,
    event_id_sql,
    journeys,
    micros_sql,
    numbers,
    place_of_sql,
    step_filter,
    within_reach,
)
from sqlmesh_project.funnels.unordered import gather
from sqlmesh_project.funnels.walk import walk

Stage = Callable[[Funnel], Iterator[Part]]


def paths_query(funnel: Funnel) -> str:
    """The query in the models' dialect; its interval is @start_ts to @end_ts where the funnel is incremental."""
    return _query(funnel, (*_stages(funnel), _described), _paths(funnel))


def levels_query(funnel: Funnel) -> str:
    """How far each path goes (entity_key, reached_count): the same stages, without those that only say when.

    The last select looks up the event of each entry and, per session, drops entries before the interval. Where the
    furthest level is known before its path is, the path is not walked.
    """
    stages = _stages(funnel)
    if furthest_entries in stages:
        stages = (furthest_levels,)
    return _query(funnel, stages, "SELECT entity_key, reached_count FROM attempted")


def _query(funnel: Funnel, stages: Sequence[Stage], last: str) -> str:
    parts = [*journeys(funnel), *(part for stage in stages for part in stage(funnel))]
    recursive = "RECURSIVE " if funnel.count == "totals" else ""
    body = ",\n".join(f"{name} AS (\n{query}\n)" for name, query in parts)
    return f"WITH {recursive}{body}\n{last}"


def path_columns(funnel: Funnel) -> dict[str, str]:
    """Columns of the paths table with their types."""
    times = {f"step_{number}_at": "TIMESTAMP" for number in numbers(funnel)}
    return {
        "entry_key": "STRING",
        "event_key": "STRING",
        "entity_key": "STRING",
        "user_key": "STRING",
        "entered_at": "TIMESTAMP",
        **times,
        "converted_at": "TIMESTAMP",
        **dict.fromkeys(ATTRIBUTES, "STRING"),
        "reached_count": "INT64",
    }


def _stages(funnel: Funnel) -> tuple[Stage, ...]:
    if funnel.order == "unordered":
        return (gather,)
    if funnel.entry == "first":
        return first_entries, walk
    if funnel.count == "totals" or _depends_on_path(funnel):
        return (walk_all,)
    return furthest_entries, walk


def _depends_on_path(funnel: Funnel) -> bool:
    """Whether a later entry may go further than an earlier one for other reasons than the conversion window."""
    return bool(funnel.order == "strict" or funnel.exclusions or funnel.hold_constant or funnel.step_window is not None)


def _paths(funnel: Funnel) -> str:
    """The last select: keys, times, attributes, how far it went."""
    entered = "attempted.entry_moment" if funnel.order == "unordered" else "attempted.moment_1"
    touched = _touched(funnel, entered)
    touch = "entries" if touched == entered else "touches"
    times = {number: _time(f"attempted.moment_{number}") for number in numbers(funnel)}
    converted = f"GREATEST({', '.join(times.values())})" if funnel.order == "unordered" else times[len(times)]
    columns = [
        f"CONCAT('{funnel.name}:', entries.event_key) AS entry_key",
        "entries.event_key",
        "attempted.entity_key",
        "entries.user_key",
        "entries.occurred_at AS entered_at",
        *(f"{time} AS step_{number}_at" for number, time in times.items()),
        f"CASE WHEN attempted.reached_count = {len(times)} THEN {converted} END AS converted_at",
        *(f"{touch}.{name}" for name in ATTRIBUTES),
        "attempted.reached_count",
    ]
    joins = f" INNER JOIN entries ON {_is_event_of(funnel, 'entries', entered)}"
    if touch != "entries":
        joins += f" LEFT JOIN touches ON {_is_event_of(funnel, 'touches', touched)}"
    query = f"SELECT {', '.join(columns)} FROM attempted{joins}"
    if funnel.is_incremental:
        query += f" WHERE entries.occurred_at BETWEEN {bound('@start_ts')} AND {bound('@end_ts')}"
    return query


def _is_event_of(funnel: Funnel, rows: str, moment: str) -> str:
    """Condition that a row is the event of a moment. The id would do; looking for times first is cheaper than texts."""
    event_id = event_id_sql(funnel, place_of_sql(moment))
    return f"{rows}.micros = {micros_sql(moment)} AND {rows}.event_id = {event_id}"


def _touched(funnel: Funnel, entered: str) -> str:
    """The moment of the event that the attributes come from."""
    if funnel.attribution == "first_touch":
        return entered
    moments = [f"attempted.moment_{number}" for number in numbers(funnel)]
    if funnel.attribution != "last_touch":
        return moments[int(funnel.attribution) - 1]
    if funnel.order == "unordered":
        known = [f"COALESCE({one}, '')" for one in moments]
        return f"GREATEST({', '.join(known)})"
    return f"COALESCE({', '.join(reversed(moments))})"


def _described(funnel: Funnel) -> Iterator[Part]:
    """The events that can open an entry, and those that can give its attributes, with the columns that are shown."""
    first = numbers(funnel) if funnel.order == "unordered" else [1]
    yield "entries", _events(funnel, ("event_key", "user_key", "occurred_at"), first)
    if funnel.attribution != "first_touch":
        yield "touches", _events(funnel, (), numbers(funnel))


def _events(funnel: Funnel, columns: tuple[str, ...], steps: Sequence[int]) -> str:
    shown = ", ".join(f"events.{name}" for name in ("event_id", *columns, *ATTRIBUTES))
    shown += ", UNIX_MICROS(events.occurred_at) AS micros"
    limits = [*counted(funnel), f"({step_filter(funnel, *steps)})", *within_reach(funnel)]
    return f"SELECT {shown} FROM {EVENTS} AS events WHERE {' AND '.join(limits)}"


def _time(moment: str) -> str:
    return f"CAST(TIMESTAMP_MICROS({micros_sql(moment)}) AS TIMESTAMP)"
