"""Paths of funnels without order: the first event of each step within the window of the entity's first event."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmesh_project.funnels.declaration import Funnel
from sqlmesh_project.funnels.predicates import condition_sql
from sqlmesh_project.funnels.scope import (
    EVENTS,
    Part,
    bound,
    counted,
    entity_sql,
    moment_sql,
    numbers,
    rows_query,
    same_held,
    step_filter,
)


def gather(funnel: Funnel) -> Iterator[Part]:
    """Each entity's first event of any step opens its path."""
    yield "marked", rows_query(funnel, step_filter(funnel, *numbers(funnel)), marks=_marks(funnel))
    yield "entered", _entered(funnel)
    yield "opened", _opened()
    yield "attempted", _attempted(funnel)


def _marks(funnel: Funnel) -> dict[str, str]:
    """An event that several steps would take fills the first of them."""
    taken: list[str] = []
    marks = {}
    for number, step in enumerate(funnel.steps, 1):
        condition = condition_sql(step.where)
        marks[f"is_step_{number}"] = " AND ".join([*(f"NOT ({one})" for one in taken), f"({condition})"])
        taken.append(condition)
    return marks


def _entered(funnel: Funnel) -> str:
    query = f"SELECT entity_key, MIN({moment_sql('marked')}) AS moment_1 FROM marked"
    if funnel.count != "sessions":
        earlier = [*counted(funnel), f"({step_filter(funnel, *numbers(funnel))})"]
        earlier.append(f"events.occurred_at < {bound('@start_ts')}")
        query += (
            f" WHERE NOT EXISTS(SELECT 1 FROM {EVENTS} AS events WHERE {entity_sql(funnel)} = marked.entity_key"
            f" AND {' AND '.join(earlier)})"
        )
    return f"{query} GROUP BY entity_key"


def _opened() -> str:
    """The entries with what they hold constant."""
    return (
        f"SELECT marked.*, entered.moment_1 AS entry_moment FROM entered INNER JOIN marked"
        f" ON entered.entity_key = marked.entity_key AND entered.moment_1 = {moment_sql('marked')}"
    )


def _attempted(funnel: Funnel) -> str:
    moments = {
        number: f"MIN(CASE WHEN marked.is_step_{number} THEN {moment_sql('marked')} END)" for number in numbers(funnel)
    }
    reached = " + ".join(f"CASE WHEN {moment} IS NULL THEN 0 ELSE 1 END" for moment in moments.values())
    columns = [f"{moment} AS moment_{number}" for number, moment in moments.items()]
    limits = [
        "opened.entity_key = marked.entity_key",
        "marked.micros >= opened.micros",
        f"marked.micros <= opened.micros + {funnel.conversion_window * 1_000_000}",
        *same_held(funnel, "opened", "marked"),
    ]
    return (
        f"SELECT opened.entity_key, opened.entry_moment, {', '.join(columns)}, {reached} AS reached_count FROM opened"
        f" INNER JOIN marked ON {' AND '.join(limits)} GROUP BY opened.entity_key, opened.entry_moment"
    )
