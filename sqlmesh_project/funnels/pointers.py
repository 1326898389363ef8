"""Walks from every entry at once: for funnels of which an entity has many paths, or whose furthest must be tried out.

The events that matter are numbered per entity in their total order (`position`). For each of them windows look up the
position of the next event of every step (`next_2`, `next_3`, ...). An entry then walks from step to step by joining on
(entity, position), each join checking the windows. As the walk always takes the next event of a step, it reaches as
far as any walk from that entry could.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmesh_project.funnels.declaration import Exclusion, Funnel
from sqlmesh_project.funnels.predicates import condition_sql
from sqlmesh_project.funnels.scope import Part, moment_sql, numbers, rows_query

_MICROS = 1_000_000


def walk_all(funnel: Funnel) -> Iterator[Part]:
    """From every entry as far as it goes, then the paths that `count` asks for."""
    yield "marked", _marked(funnel)
    yield (
        "positioned",
        "SELECT *, ROW_NUMBER() OVER (PARTITION BY entity_key ORDER BY micros, place) AS position FROM marked",
    )
    yield "linked", _linked(funnel)
    yield (
        "walked_1",
        f"SELECT linked.*, micros AS micros_1, place AS place_1, {moment_sql('linked')} AS moment_1 FROM linked"
        " WHERE is_step_1",
    )
    for number in numbers(funnel, 2):
        yield f"walked_{number}", _reach(funnel, number)
    yield from _kept(funnel)


def _marked(funnel: Funnel) -> str:
    """The events that fill a step, break a path or lie in the scope, marked as such."""
    marks = {f"is_step_{number}": condition_sql(step.where) for number, step in enumerate(funnel.steps, 1)}
    marks |= {f"is_exclusion_{number}": condition_sql(one.where) for number, one in enumerate(funnel.exclusions, 1)}
    wanted = list(marks.values())
    if funnel.order == "strict":
        wanted.append(condition_sql(funnel.scope) if funnel.scope else "TRUE")
    return rows_query(funnel, " OR ".join(f"({one})" for one in wanted), marks=marks)


def _linked(funnel: Funnel) -> str:
    """For each event, where the next event of every step and every exclusion is."""
    columns = [_next_step(funnel, number) for number in numbers(funnel, 2)]
    for number, _ in enumerate(funnel.exclusions, 1):
        for column in ("position", "micros"):
            columns.append(
                f"MIN(CASE WHEN is_exclusion_{number} THEN {column} END) OVER later AS exclusion_{number}_{column}"
            )
    if funnel.count == "totals":
        columns += _resumptions()
    held = ", ".join(["entity_key", *(f"held_{number}" for number, _ in enumerate(funnel.hold_constant, 1))])
    windows = [
        f"later AS (PARTITION BY {held} ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
        f"neighbour AS (PARTITION BY {held} ORDER BY position)",
        f"moment AS (PARTITION BY {held} ORDER BY micros RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
        "entity AS (PARTITION BY entity_key ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)",
        "expiry AS (PARTITION BY entity_key ORDER BY micros"
        f" RANGE BETWEEN {funnel.conversion_window * _MICROS + 1} FOLLOWING AND UNBOUNDED FOLLOWING)",
    ]
    used = [window for window in windows if any(f"OVER {window.split(' ')[0]}" in column for column in columns)]
    return f"SELECT *, {', '.join(columns)} FROM positioned WINDOW {', '.join(used)}"


def _next_step(funnel: Funnel, number: int) -> str:
    if funnel.order == "strict":
        later = " AND LEAD(micros) OVER neighbour > micros" if funnel.strict_increase else ""
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


def _reach(funnel: Funnel, number: int) -> str:
    """One step: the event that an entry reaches it by, if the windows and exclusions allow."""
    before = f"walked_{number - 1}"
    current = "" if number == 2 else f"_{number - 1}"
    limits = [
        f"{before}.entity_key = linked.entity_key",
        f"{before}.next_{number}{current} = linked.position",
        f"linked.micros <= {before}.micros_1 + {funnel.conversion_window * _MICROS}",
    ]
    if funnel.step_window is not None:
        limits.append(f"linked.micros <= {before}.micros_{number - 1} + {funnel.step_window * _MICROS}")
    for index, one in enumerate(funnel.exclusions, 1):
        if one.effect == "drop_off" and one.after < number <= one.before:
            limits.append(f"COALESCE({before}.exclusion_{index}_position{current} >= linked.position, TRUE)")
    carried = [f"linked.position AS position_{number}", f"linked.micros AS micros_{number}"]
    carried += [f"linked.place AS place_{number}", f"{moment_sql('linked')} AS moment_{number}"]
    carried += [f"linked.next_{later} AS next_{later}_{number}" for later in numbers(funnel, number + 1)]
    for index, _ in enumerate(funnel.exclusions, 1):
        carried += [
            f"linked.exclusion_{index}_{name} AS exclusion_{index}_{name}_{number}" for name in ("position", "micros")
        ]
    if funnel.count == "totals" and number == len(funnel.steps):
        carried.append("linked.next_entry AS entry_after_conversion")
    return f"SELECT {before}.*, {', '.join(carried)} FROM {before} LEFT JOIN linked ON {' AND '.join(limits)}"


def _kept(funnel: Funnel) -> Iterator[Part]:
    """The paths that count: not disqualified, and of several attempts those that `count` asks for."""
    reached = " + ".join(f"CASE WHEN moment_{number} IS NULL THEN 0 ELSE 1 END" for number in numbers(funnel, 2))
    broken = [_disqualified(funnel, index, one) for index, one in enumerate(funnel.exclusions, 1)]
    columns = [
        "*",
        f"1 + {reached} AS reached_count",
        f"{' OR '.join(one for one in broken if one) or 'FALSE'} AS is_disqualified",
    ]
    yield "tried", f"SELECT {', '.join(columns)} FROM walked_{len(funnel.steps)}"
    if funnel.count == "totals":
        yield _successive(funnel)
        source = "tried INNER JOIN chain ON tried.entity_key = chain.entity_key AND tried.position = chain.position"
        yield "attempted", f"SELECT tried.* FROM {source} WHERE NOT is_disqualified"
    else:
        yield (
            "attempted",
            "SELECT * FROM tried WHERE NOT is_disqualified"
            " QUALIFY ROW_NUMBER() OVER (PARTITION BY entity_key ORDER BY reached_count DESC, position) = 1",
        )


def _disqualified(funnel: Funnel, index: int, one: Exclusion) -> str:
    """Whether an excluded event follows a reached step and precedes the next, or the end of the window."""
    if one.effect != "disqualify":
        return ""
    breaches = []
    for number in range(one.after, one.before):
        suffix = "" if number == 1 else f"_{number}"
        breach = f"exclusion_{index}_micros{suffix} <= micros_1 + {funnel.conversion_window * _MICROS}"
        if number > 1:
            breach = f"NOT moment_{number} IS NULL AND {breach}"
        until = f"(moment_{number + 1} IS NULL OR exclusion_{index}_position{suffix} < position_{number + 1})"
        breaches.append(f"COALESCE({breach} AND {until}, FALSE)")
    return " OR ".join(breaches)


def _successive(funnel: Funnel) -> Part:
    """Attempts of one entity one after the other: a repeated first step within an attempt opens no new one."""
    resume = f"CASE WHEN moment_{len(funnel.steps)} IS NULL THEN entry_after_window ELSE entry_after_conversion END"
    return (
        "chain",
        "SELECT entity_key, MIN(position) AS position FROM tried GROUP BY entity_key UNION ALL"
        f" SELECT tried.entity_key, {resume} AS position FROM chain INNER JOIN tried"
        " ON chain.entity_key = tried.entity_key AND chain.position = tried.position"
        f" WHERE NOT {resume} IS NULL",
    )
