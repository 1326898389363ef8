"""Compiles a funnel to SQL: `Funnel` -> the query of its table of paths, one row per entry with the time of each step.

How it works. The events that matter are numbered per entity in their total order (`position`). For each of them windows
look up the position of the next event of every step (`next_2`, `next_3`, ...). An entry then walks from step to step by
joining on (entity, position), each join checking the windows. As the walk always takes the next event of a step, it
reaches as far as any walk from that entry could.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlmesh_project.funnels.declaration import Exclusion, Funnel
from sqlmesh_project.funnels.predicates import condition_sql, member_sql

ATTRIBUTES = ("company_key", "platform", "device_type", "browser", "domain", "country", "region")
"""Columns of events by which a funnel is broken down, taken from the event that `attribution` names."""

EVENTS = "core.events"
SESSIONS = "core.sessions"
DAY = 86400

Part = tuple[str, str]
"""Name and body of a common table expression."""


def paths_query(funnel: Funnel) -> str:
    """The query in the models' dialect; its interval is @start_ts to @end_ts where the funnel is incremental."""
    stages = _UNORDERED if funnel.order == "unordered" else _ORDERED
    parts = [part for stage in stages for part in stage(funnel)]
    recursive = "RECURSIVE " if funnel.count == "totals" else ""
    body = ",\n".join(f"{name} AS (\n{query}\n)" for name, query in parts)
    return f"WITH {recursive}{body}\n{_paths(funnel)}"


def path_columns(funnel: Funnel) -> dict[str, str]:
    """Columns of the paths table with their types."""
    times = {f"step_{number}_at": "TIMESTAMP" for number in _numbers(funnel)}
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


def _numbers(funnel: Funnel, start: int = 1) -> range:
    return range(start, len(funnel.steps) + 1)


def _entity(funnel: Funnel) -> str:
    key = "events.user_key"
    if funnel.entity == "user_and_company":
        key = f"CONCAT({key}, ' ', events.company_key)"
    return f"CONCAT({key}, ' ', sessions.session_key)" if funnel.count == "sessions" else key


def _seconds(time: str, seconds: int) -> str:
    return f"TIMESTAMP_ADD({time}, INTERVAL {seconds} SECOND)"


def _bound(name: str, shift: str, seconds: int) -> str:
    return f"TIMESTAMP_{shift}(CAST(CONCAT({name}, '+00:00') AS TIMESTAMP), INTERVAL {seconds} SECOND)"


def _held(funnel: Funnel) -> str:
    """Partition of the steps of one path: the entity, and what is held constant."""
    return ", ".join(["entity_key", *(f"held_{number}" for number, _ in enumerate(funnel.hold_constant, 1))])


def _counted(funnel: Funnel) -> list[str]:
    """Conditions on whose events count: those of the source's people, neither staff nor robots unless declared."""
    conditions = [f"record_source = '{funnel.source}'", "NOT user_key IS NULL"]
    conditions += [] if funnel.include_staff else ["NOT is_staff"]
    return conditions + ([] if funnel.include_bots else ["NOT is_bot"])


def _events(funnel: Funnel) -> Iterator[Part]:
    """What can matter to entries of the interval, and no more: the widest window that they look into."""
    where = _counted(funnel)
    if funnel.is_incremental:
        before = DAY if funnel.count == "sessions" else 0
        where.append(f"occurred_at >= {_bound('@start_ts', 'SUB', before)}")
        where.append(f"occurred_at <= {_bound('@end_ts', 'ADD', funnel.conversion_window)}")
    yield "events", f"SELECT * FROM {EVENTS} WHERE {' AND '.join(where)}"
    if funnel.count == "sessions":
        yield "sessions", f"SELECT session_key, user_key, started_at, ended_at FROM {SESSIONS}"


def _journeys(funnel: Funnel) -> Iterator[Part]:
    """The events that fill a step, break a path or lie in the scope, marked as such."""
    marks = {f"is_step_{number}": condition_sql(step.where) for number, step in enumerate(funnel.steps, 1)}
    if funnel.order == "unordered":
        marks = _disjoint(marks)
    marks |= {f"is_exclusion_{number}": condition_sql(one.where) for number, one in enumerate(funnel.exclusions, 1)}
    columns = [f"{condition} AS {name}" for name, condition in marks.items()]
    columns += [f"{member_sql(name)} AS held_{number}" for number, name in enumerate(funnel.hold_constant, 1)]
    attributes = ", ".join(f"events.{name}" for name in ATTRIBUTES)
    sessions = ""
    if funnel.count == "sessions":
        sessions = (
            " INNER JOIN sessions ON events.user_key = sessions.user_key"
            " AND events.occurred_at BETWEEN sessions.started_at AND sessions.ended_at"
        )
    if funnel.order == "strict":
        marks["is_in_scope"] = condition_sql(funnel.scope) if funnel.scope else "TRUE"
        columns.append(f"{marks['is_in_scope']} AS is_in_scope")
    yield (
        "marked",
        f"SELECT {_entity(funnel)} AS entity_key, events.event_key, events.event_id, events.user_key,"
        f" events.occurred_at, {attributes}, {', '.join(columns)} FROM events{sessions}",
    )
    yield "journeys", f"SELECT * FROM marked WHERE NOT entity_key IS NULL AND ({' OR '.join(marks)})"


def _disjoint(marks: dict[str, str]) -> dict[str, str]:
    """In any order, an event that several steps would take fills the first of them."""
    taken: list[str] = []
    result = {}
    for name, condition in marks.items():
        result[name] = " AND ".join([*(f"NOT ({one})" for one in taken), f"({condition})"])
        taken.append(condition)
    return result


def _positioned(_: Funnel) -> Iterator[Part]:
    yield (
        "positioned",
        "SELECT *, ROW_NUMBER() OVER (PARTITION BY entity_key ORDER BY occurred_at, event_id) AS position"
        " FROM journeys",
    )


def _linked(funnel: Funnel) -> Iterator[Part]:
    """For each event, where the next event of every step and every exclusion is."""
    columns = [_next_step(funnel, number) for number in _numbers(funnel, 2)]
    for number, _ in enumerate(funnel.exclusions, 1):
        for column, name in (("position", "position"), ("occurred_at", "at")):
            columns.append(
                f"MIN(CASE WHEN is_exclusion_{number} THEN {column} END) OVER later AS exclusion_{number}_{name}"
            )
    if funnel.count == "totals":
        columns += _resumptions()
    held = _held(funnel)
    windows = [
        f"later AS (PARTITION BY {held} ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
        f"neighbour AS (PARTITION BY {held} ORDER BY position)",
        f"moment AS (PARTITION BY {held} ORDER BY UNIX_MICROS(occurred_at)"
        " RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
        "entity AS (PARTITION BY entity_key ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
        "expiry AS (PARTITION BY entity_key ORDER BY UNIX_MICROS(occurred_at)"
        f" RANGE BETWEEN {funnel.conversion_window * 1000000 + 1} FOLLOWING AND UNBOUNDED FOLLOWING)",
    ]
    used = [window for window in windows if any(f"OVER {window.split(' ')[0]}" in column for column in columns)]
    yield "linked", f"SELECT *, {', '.join(columns)} FROM positioned WINDOW {', '.join(used)}"


def _next_step(funnel: Funnel, number: int) -> str:
    if funnel.order == "strict":
        later = " AND LEAD(occurred_at) OVER neighbour > occurred_at" if funnel.strict_increase else ""
        return (
            f"CASE WHEN LEAD(is_step_{number}) OVER neighbour{later} THEN LEAD(position) OVER neighbour END"
            f" AS next_{number}"
        )
    window = "moment" if funnel.strict_increase else "later"
    return f"MIN(CASE WHEN is_step_{number} THEN position END) OVER {window} AS next_{number}"


def _resumptions() -> list[str]:
    """Where the next attempt begins: after the conversion, or once the window has passed."""
    entry = "MIN(CASE WHEN is_step_1 THEN position END)"
    return [f"{entry} OVER entity AS next_entry", f"{entry} OVER expiry AS entry_after_window"]


def _first_entries(funnel: Funnel) -> Iterator[Part]:
    """The first entry of each entity over all time, so that a run never takes a later one for the first."""
    if funnel.entry == "first" and funnel.count == "unique":
        end = _bound("@end_ts", "ADD", 0)
        any_step = " OR ".join(condition_sql(step.where) for step in funnel.steps)
        where = any_step if funnel.order == "unordered" else condition_sql(funnel.steps[0].where)
        yield (
            "history",
            f"SELECT * FROM {EVENTS} WHERE {' AND '.join(_counted(funnel))} AND occurred_at <= {end}",
        )
        yield (
            "first_entries",
            f"SELECT {_entity(funnel)} AS entity_key, MIN(events.occurred_at) AS first_entered_at"
            f" FROM history AS events WHERE {where} GROUP BY 1",
        )


def _entries(funnel: Funnel) -> Iterator[Part]:
    """Candidates for an entry: one per entity and first step, or every one."""
    entry = "(" + " OR ".join(f"is_step_{number}" for number in _numbers(funnel)) + ")"
    condition = entry if funnel.order == "unordered" else "is_step_1"
    table = "journeys" if funnel.order == "unordered" else "linked"
    query = f"SELECT {table}.*, occurred_at AS entered_at FROM {table}"
    if funnel.entry == "first" and funnel.count == "unique":
        query += (
            f" INNER JOIN first_entries ON {table}.entity_key = first_entries.entity_key"
            f" AND {table}.occurred_at = first_entries.first_entered_at"
        )
    query += f" WHERE {condition}"
    if funnel.entry == "first":
        query += f" QUALIFY ROW_NUMBER() OVER (PARTITION BY {table}.entity_key ORDER BY occurred_at, event_id) = 1"
    yield "entries", query


def _walk(funnel: Funnel) -> Iterator[Part]:
    """One stage per step: the event that an entry reaches it by, if the windows and exclusions allow."""
    before = "entries"
    for number in _numbers(funnel, 2):
        yield f"walked_{number}", _reach(funnel, number, before)
        before = f"walked_{number}"


def _reach(funnel: Funnel, number: int, before: str) -> str:
    previous = "entered_at" if number == 2 else f"step_{number - 1}_at"
    current = "" if number == 2 else f"_{number - 1}"
    limits = [
        f"{before}.entity_key = linked.entity_key",
        f"{before}.next_{number}{current} = linked.position",
        f"linked.occurred_at <= {_seconds('entered_at', funnel.conversion_window)}",
    ]
    if funnel.step_window is not None:
        limits.append(f"linked.occurred_at <= {_seconds(previous, funnel.step_window)}")
    for index, one in enumerate(funnel.exclusions, 1):
        if one.effect == "drop_off" and one.after < number <= one.before:
            limits.append(f"COALESCE({before}.exclusion_{index}_position{current} > linked.position, TRUE)")
    carried = [f"linked.occurred_at AS step_{number}_at", f"linked.position AS position_{number}"]
    carried += [f"linked.next_{later} AS next_{later}_{number}" for later in _numbers(funnel, number + 1)]
    for index, _ in enumerate(funnel.exclusions, 1):
        carried += [
            f"linked.exclusion_{index}_{name} AS exclusion_{index}_{name}_{number}" for name in ("position", "at")
        ]
    if funnel.count == "totals" and number == len(funnel.steps):
        carried.append("linked.next_entry AS entry_after_conversion")
    return f"SELECT {before}.*, {', '.join(carried)} FROM {before} LEFT JOIN linked ON {' AND '.join(limits)}"


def _kept(funnel: Funnel) -> Iterator[Part]:
    """The paths that count: not disqualified, and of several attempts those that `count` asks for."""
    last = f"walked_{len(funnel.steps)}"
    reached = " + ".join(f"CASE WHEN step_{number}_at IS NULL THEN 0 ELSE 1 END" for number in _numbers(funnel, 2))
    broken = [_disqualified(funnel, index, one) for index, one in enumerate(funnel.exclusions, 1)]
    columns = [
        "*",
        "occurred_at AS step_1_at",
        "position AS position_1",
        f"1 + {reached} AS reached_count",
        f"{' OR '.join(one for one in broken if one) or 'FALSE'} AS is_disqualified",
    ]
    yield "attempted", f"SELECT {', '.join(columns)} FROM {last}"
    source = "attempted"
    if funnel.count == "totals":
        yield _successive(funnel)
        source += " INNER JOIN chain ON attempted.entity_key = chain.entity_key AND attempted.position = chain.position"
    query = f"SELECT attempted.* FROM {source} WHERE NOT is_disqualified"
    if funnel.entry == "any" and funnel.count != "totals":
        query += " QUALIFY ROW_NUMBER() OVER (PARTITION BY entity_key ORDER BY reached_count DESC, position) = 1"
    yield "counted", query


def _disqualified(funnel: Funnel, index: int, one: Exclusion) -> str:
    """Whether an excluded event follows a reached step and precedes the next, or the end of the window."""
    if one.effect != "disqualify":
        return ""
    end = _seconds("entered_at", funnel.conversion_window)
    breaches = []
    for number in range(one.after, one.before):
        suffix = "" if number == 1 else f"_{number}"
        breach = f"exclusion_{index}_at{suffix} <= {end}"
        if number > 1:
            breach = f"NOT step_{number}_at IS NULL AND {breach}"
        until = f"(step_{number + 1}_at IS NULL OR exclusion_{index}_position{suffix} < position_{number + 1})"
        breaches.append(f"COALESCE({breach} AND {until}, FALSE)")
    return " OR ".join(breaches)


def _successive(funnel: Funnel) -> Part:
    """Attempts of one entity one after the other: a repeated first step within an attempt opens no new one."""
    last = len(funnel.steps)
    resume = f"CASE WHEN step_{last}_at IS NULL THEN entry_after_window ELSE entry_after_conversion END"
    return (
        "chain",
        "SELECT entity_key, MIN(position) AS position FROM attempted GROUP BY entity_key UNION ALL"
        f" SELECT attempted.entity_key, {resume} AS position FROM chain INNER JOIN attempted"
        " ON chain.entity_key = attempted.entity_key AND chain.position = attempted.position"
        f" WHERE NOT {resume} IS NULL",
    )


def _gathered(funnel: Funnel) -> Iterator[Part]:
    """In any order: the first event of each step within the window of the entry."""
    times = ", ".join(
        f"MIN(CASE WHEN journeys.is_step_{number} THEN journeys.occurred_at END) AS step_{number}_at"
        for number in _numbers(funnel)
    )
    limits = [
        "entries.entity_key = journeys.entity_key",
        "journeys.occurred_at >= entries.entered_at",
        f"journeys.occurred_at <= {_seconds('entries.entered_at', funnel.conversion_window)}",
        *_same_held(funnel, "entries"),
    ]
    yield (
        "gathered",
        f"SELECT entries.entity_key, {times} FROM entries INNER JOIN journeys ON {' AND '.join(limits)} GROUP BY 1",
    )
    reached = " + ".join(f"CASE WHEN step_{number}_at IS NULL THEN 0 ELSE 1 END" for number in _numbers(funnel))
    steps = ", ".join(f"gathered.step_{number}_at" for number in _numbers(funnel))
    yield (
        "counted",
        f"SELECT entries.*, {steps}, {reached} AS reached_count FROM entries"
        " INNER JOIN gathered ON entries.entity_key = gathered.entity_key",
    )


def _paths(funnel: Funnel) -> str:
    """The last select: keys, times, attributes, how far it went."""
    table = "counted"
    all_reached = f"{table}.reached_count = {len(funnel.steps)}"
    last = ", ".join(f"{table}.step_{number}_at" for number in _numbers(funnel))
    converted = f"GREATEST({last})" if funnel.order == "unordered" else f"{table}.step_{len(funnel.steps)}_at"
    touch, join = _touch(funnel, table)
    columns = [
        f"CONCAT('{funnel.name}:', {table}.event_key) AS entry_key",
        f"{table}.event_key",
        f"{table}.entity_key",
        f"{table}.user_key",
        f"{table}.entered_at",
        *(f"{table}.step_{number}_at" for number in _numbers(funnel)),
        f"CASE WHEN {all_reached} THEN {converted} END AS converted_at",
        *(f"{touch}.{name}" for name in ATTRIBUTES),
        f"{table}.reached_count",
    ]
    query = f"SELECT {', '.join(columns)} FROM {table}{join}"
    if funnel.is_incremental:
        start, end = _bound("@start_ts", "ADD", 0), _bound("@end_ts", "ADD", 0)
        query += f" WHERE {table}.entered_at BETWEEN {start} AND {end}"
    return query


def _touch(funnel: Funnel, table: str) -> tuple[str, str]:
    """The relation that the attributes come from, and how it is joined."""
    if funnel.attribution == "first_touch":
        return table, ""
    if funnel.order == "unordered":
        return "touch", f" LEFT JOIN touch ON {table}.entity_key = touch.entity_key"
    positions = [f"{table}.position_{number}" for number in _numbers(funnel)]
    if funnel.attribution == "last_touch":
        position = f"COALESCE({', '.join(reversed(positions))})"
    else:
        position = f"{table}.position_{funnel.attribution}"
    return (
        "touch",
        f" LEFT JOIN linked AS touch ON {table}.entity_key = touch.entity_key AND {position} = touch.position",
    )


def _touched(funnel: Funnel) -> Iterator[Part]:
    """In any order: the event that the attributes come from, the latest of the first events or that of one step."""
    if funnel.attribution == "first_touch":
        return
    numbers = _numbers(funnel) if funnel.attribution == "last_touch" else [int(funnel.attribution)]
    filled = " OR ".join(
        f"(journeys.is_step_{number} AND journeys.occurred_at = counted.step_{number}_at)" for number in numbers
    )
    step = " ".join(f"WHEN journeys.is_step_{number} THEN {number}" for number in numbers)
    limits = ["journeys.entity_key = counted.entity_key", *_same_held(funnel, "counted")]
    yield (
        "filled",
        f"SELECT journeys.* FROM journeys INNER JOIN counted ON {' AND '.join(limits)} WHERE {filled}"
        f" QUALIFY ROW_NUMBER() OVER"
        f" (PARTITION BY journeys.entity_key, CASE {step} END ORDER BY journeys.event_id) = 1",
    )
    yield (
        "touch",
        "SELECT * FROM filled QUALIFY"
        " ROW_NUMBER() OVER (PARTITION BY entity_key ORDER BY occurred_at DESC, event_id DESC) = 1",
    )


def _same_held(funnel: Funnel, table: str) -> list[str]:
    """Conditions that what is held constant equals that of the entry; two unknown values are equal."""
    return [
        f"{table}.held_{number} IS NOT DISTINCT FROM journeys.held_{number}"
        for number, _ in enumerate(funnel.hold_constant, 1)
    ]


_Stage = Callable[[Funnel], Iterator[Part]]
_ORDERED: tuple[_Stage, ...] = (_events, _journeys, _positioned, _linked, _first_entries, _entries, _walk, _kept)
_UNORDERED: tuple[_Stage, ...] = (_events, _journeys, _first_entries, _entries, _gathered, _touched)
