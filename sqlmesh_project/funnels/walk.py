"""Walks from one entry per entity: each step is the first event after the step before, found by a join and a MIN.

Stages: `entered` (from entries.py) -> `walked_1` -> `walked_2` ... -> `attempted`. Rows stay one per entity; `moment_k`
is where step k was reached, NULL if it was not.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmesh_project.funnels.declaration import Exclusion, Funnel
from sqlmesh_project.funnels.predicates import condition_sql, filter_sql
from sqlmesh_project.funnels.scope import (
    Part,
    micros_sql,
    moment_sql,
    numbers,
    place_of_sql,
    rows_query,
    same_held,
    step_filter,
)


def walk(funnel: Funnel) -> Iterator[Part]:
    """From the entry to as far as the windows, the scope and the exclusions let it."""
    yield "walked_1", _opened(funnel)
    for number in numbers(funnel, 2):
        yield from _barriers(funnel, number)
        yield f"fills_{number}", _fills(funnel, number)
        yield f"found_{number}", _found(funnel, number)
        yield f"walked_{number}", _walked(funnel, number)
    last = f"walked_{len(funnel.steps)}"
    reached = " + ".join(f"CASE WHEN moment_{number} IS NULL THEN 0 ELSE 1 END" for number in numbers(funnel, 2))
    broken = [_disqualified(index, one) for index, one in enumerate(funnel.exclusions, 1) if one.effect == "disqualify"]
    query = f"SELECT *, 1 + {reached} AS reached_count FROM {last}"
    yield "attempted", query + (f" WHERE NOT ({' OR '.join(broken)})" if broken else "")


def _opened(funnel: Funnel) -> str:
    columns = ["entered.entity_key", *_reached_columns("entered.moment_1", 1)]
    if not funnel.hold_constant:
        return f"SELECT {', '.join(columns)} FROM entered"
    columns += [f"openings.held_{number}" for number, _ in enumerate(funnel.hold_constant, 1)]
    openings = rows_query(funnel, step_filter(funnel, 1))
    return (
        f"SELECT {', '.join(columns)} FROM entered INNER JOIN ({openings}) AS openings"
        f" ON entered.entity_key = openings.entity_key AND entered.moment_1 = {moment_sql('openings')}"
    )


def _reached_columns(moment: str, number: int) -> list[str]:
    return [
        f"{moment} AS moment_{number}",
        f"{micros_sql(moment)} AS micros_{number}",
        f"{place_of_sql(moment)} AS place_{number}",
    ]


def _after(number: int, rows: str) -> str:
    """Condition that a row comes after the step in the total order."""
    before = f"walked_{number}"
    return (
        f"({rows}.micros > {before}.micros_{number} OR ({rows}.micros = {before}.micros_{number}"
        f" AND {rows}.place > {before}.place_{number}))"
    )


def _in_window(funnel: Funnel, number: int, rows: str) -> str:
    return f"{rows}.micros <= walked_{number}.micros_1 + {funnel.conversion_window * 1_000_000}"


def _join(funnel: Funnel, number: int, rows: str, conditions: list[str]) -> str:
    before = f"walked_{number}"
    limits = [f"{before}.entity_key = {rows}.entity_key", *conditions, *same_held(funnel, before, rows)]
    return f"FROM {before} INNER JOIN {rows} ON {' AND '.join(limits)}"


def _fills(funnel: Funnel, number: int) -> str:
    """The events of a step; in a strict funnel all that may not come between, with the step's marked."""
    if funnel.order != "strict":
        return rows_query(funnel, step_filter(funnel, number))
    steps = step_filter(funnel, *numbers(funnel))
    scope = f"({filter_sql(funnel.scope)}) OR {steps}" if funnel.scope else "TRUE"
    return rows_query(funnel, scope, marks={"is_fill": condition_sql(funnel.steps[number - 1].where)})


def _found(funnel: Funnel, number: int) -> str:
    before, rows = f"walked_{number - 1}", f"fills_{number}"
    later = f"{rows}.micros > {before}.micros_{number - 1}"
    is_strict = funnel.order == "strict"
    limits = [later if funnel.strict_increase and not is_strict else _after(number - 1, rows)]
    limits.append(_in_window(funnel, number - 1, rows))
    if funnel.step_window is not None:
        limits.append(f"{rows}.micros <= {before}.micros_{number - 1} + {funnel.step_window * 1_000_000}")
    moment = moment_sql(rows)
    query = (
        f"SELECT {before}.entity_key, MIN({moment}) AS moment_{number} {_join(funnel, number - 1, rows, limits)}"
        f" GROUP BY {before}.entity_key"
    )
    if not is_strict:
        return query
    fits = f"{rows}.is_fill AND {later}" if funnel.strict_increase else f"{rows}.is_fill"
    return f"{query} HAVING MIN({moment}) = MIN(CASE WHEN {fits} THEN {moment} END)"


def _barriers(funnel: Funnel, number: int) -> Iterator[Part]:
    """The first excluded event after the step before, for each exclusion that stands between the two."""
    for index, one in enumerate(funnel.exclusions, 1):
        if one.after < number <= one.before:
            rows = f"excluded_{index}_{number}"
            yield rows, rows_query(funnel, filter_sql(one.where))
            limits = [_after(number - 1, rows), _in_window(funnel, number - 1, rows)]
            yield (
                f"barrier_{index}_{number}",
                f"SELECT walked_{number - 1}.entity_key, MIN({moment_sql(rows)}) AS moment"
                f" {_join(funnel, number - 1, rows, limits)} GROUP BY walked_{number - 1}.entity_key",
            )


def _walked(funnel: Funnel, number: int) -> str:
    """The walk with one more step. An event that fills the step does not stand before it."""
    before, found = f"walked_{number - 1}", f"found_{number}"
    barriers = {
        f"barrier_{index}_{number}": one
        for index, one in enumerate(funnel.exclusions, 1)
        if one.after < number <= one.before
    }
    stops = [f"{name}.moment < {found}.moment_{number}" for name, one in barriers.items() if one.effect == "drop_off"]
    moment = f"{found}.moment_{number}"
    if stops:
        moment = f"CASE WHEN {' OR '.join(stops)} THEN NULL ELSE {moment} END"
    columns = [f"{before}.*", *_reached_columns(moment, number)]
    columns += [f"{name}.moment AS {name}" for name, one in barriers.items() if one.effect == "disqualify"]
    joins = "".join(f" LEFT JOIN {name} ON {before}.entity_key = {name}.entity_key" for name in (found, *barriers))
    return f"SELECT {', '.join(columns)} FROM {before}{joins}"


def _disqualified(index: int, one: Exclusion) -> str:
    """Whether an excluded event follows a reached step and precedes the next, or the end of the window."""
    breaches = []
    for number in range(one.after + 1, one.before + 1):
        barrier = f"barrier_{index}_{number}"
        breaches.append(f"COALESCE({barrier} < moment_{number}, NOT {barrier} IS NULL)")
    return " OR ".join(breaches)
