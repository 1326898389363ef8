"""The two public tables of funnels, as unions over all declared funnels: entries, and steps of entries."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqlglot import exp

from sqlmesh_project.funnels.declaration import Funnel
from sqlmesh_project.funnels.predicates import DIALECT
from sqlmesh_project.funnels.scope import ATTRIBUTES

WATERMARKS = "core.watermarks"
USERS = "core.users"

ENTRY_COLUMNS = {
    "entry_key": ("STRING", "Funnel and event that opened the entry."),
    "event_key": ("STRING", "Event that opened the entry."),
    "entity_key": ("STRING", "What is counted: a user, a user at a company, or a session of one of these."),
    "user_key": ("STRING", "User of the entry."),
    "company_key": ("STRING", "Company of the event that the funnel attributes the entry to."),
    "entered_at": ("TIMESTAMP", "When the first step was reached (UTC)."),
    "converted_at": ("TIMESTAMP", "When the last step was reached (UTC); NULL if it was not."),
    "cohort_on": ("DATE", "Day of the entry in the time zone of the funnel."),
    "funnel_name": ("STRING", "Name of the funnel."),
    "reached_step_name": ("STRING", "Furthest step reached; in a funnel without order the number of steps done."),
    "platform": ("STRING", "Platform of the attributed event."),
    "device_type": ("STRING", "Device of the attributed event."),
    "browser": ("STRING", "Browser of the attributed event."),
    "domain": ("STRING", "Site of the attributed event."),
    "country": ("STRING", "Country of the attributed event."),
    "region": ("STRING", "Region of the attributed event."),
    "entry_count": ("INT64", "1 in every row, to be summed."),
    "step_count": ("INT64", "Steps of the funnel."),
    "reached_count": ("INT64", "Steps that were reached."),
    "converted_count": ("INT64", "1 if all steps were reached, else 0."),
    "seconds_to_convert": ("FLOAT64", "Seconds from entry to conversion."),
    "is_converted": ("BOOL", "Whether all steps were reached within the window."),
    "is_window_complete": ("BOOL", "Whether the source's data covers the whole conversion window of the entry."),
}
"""Columns of core.funnel_entries: type and comment."""

STEP_COLUMNS = {
    "entry_step_key": ("STRING", "Entry and number of the step."),
    "entry_key": ("STRING", "Entry of core.funnel_entries."),
    "user_key": ("STRING", "User of the entry."),
    "company_key": ("STRING", "Company of the event that the funnel attributes the entry to."),
    "entered_at": ("TIMESTAMP", "When the first step was reached (UTC)."),
    "reached_at": ("TIMESTAMP", "When this step was first reached (UTC); NULL if it was not."),
    "cohort_on": ("DATE", "Day of the entry in the time zone of the funnel."),
    "funnel_name": ("STRING", "Name of the funnel."),
    "step_number": ("INT64", "Number of the step, from 1."),
    "step_name": ("STRING", "Name of the step."),
    "platform": ("STRING", "Platform of the attributed event."),
    "device_type": ("STRING", "Device of the attributed event."),
    "browser": ("STRING", "Browser of the attributed event."),
    "domain": ("STRING", "Site of the attributed event."),
    "country": ("STRING", "Country of the attributed event."),
    "region": ("STRING", "Region of the attributed event."),
    "entry_count": ("INT64", "1 in every row: entries, seen from this step."),
    "reached_count": ("INT64", "1 if the step was reached, else 0."),
    "next_reached_count": ("INT64", "1 if the next step was reached too, else 0; NULL for the last step."),
    "seconds_from_entry": ("FLOAT64", "Seconds from entry to this step."),
    "seconds_from_previous": ("FLOAT64", "Seconds from first reaching the step before; NULL without order."),
    "is_reached": ("BOOL", "Whether the step was reached."),
    "is_window_complete": ("BOOL", "Whether the source's data covers the whole conversion window of the entry."),
}
"""Columns of core.funnel_steps: type and comment."""


def entries_query(funnels: tuple[Funnel, ...]) -> str:
    """Query of core.funnel_entries in the models' dialect."""
    return " UNION ALL ".join(_entries(funnel) for funnel in funnels)


def steps_query(funnels: tuple[Funnel, ...]) -> str:
    """Query of core.funnel_steps in the models' dialect."""
    return " UNION ALL ".join(_steps(funnel) for funnel in funnels)


def lookback_sql(funnel: Funnel) -> str:
    """Days that a run of a funnel looks back: late rows come, or give earlier ones their user, and entries change until
    their window has passed."""
    return f"@EVAL(@lookback_days + @identity_window_days + {math.ceil(funnel.conversion_window / 86400)})"


def audited_sql(view: str, funnels: tuple[Funnel, ...]) -> str:
    """Condition on rows of a public table that a run has computed anew: what its audits have to judge."""
    return " OR ".join(_audited(view, funnel) for funnel in funnels)


def _audited(view: str, funnel: Funnel) -> str:
    is_of_funnel = f"funnel_name = {_text(funnel.name)}"
    if not funnel.is_incremental:
        return is_of_funnel
    return f"({is_of_funnel} AND @not_audited_before({view}, entered_at, {lookback_sql(funnel)}))"


def _text(value: str) -> str:
    return exp.Literal.string(value).sql(DIALECT)


def _seconds(earlier: str, later: str) -> str:
    return f"TIMESTAMP_DIFF({later}, {earlier}, MICROSECOND) / 1000000"


def _shared(funnel: Funnel) -> dict[str, str]:
    """Columns that entries and steps have in common."""
    window = f"TIMESTAMP_ADD(paths.entered_at, INTERVAL {funnel.conversion_window} SECOND)"
    columns = {name: f"paths.{name}" for name in ("entry_key", "event_key", "entity_key", "user_key", "entered_at")}
    columns |= {name: f"paths.{name}" for name in ("converted_at", *ATTRIBUTES)}
    columns["cohort_on"] = f"DATE(paths.entered_at, {_text(funnel.timezone)})"
    columns["funnel_name"] = _text(funnel.name)
    columns["entry_count"] = "1"
    columns["is_window_complete"] = f"COALESCE({window} <= watermarks.last_event_at, FALSE)"
    return columns


def _select(funnel: Funnel, columns: dict[str, str], order: dict[str, tuple[str, str]], paths: str) -> str:
    listed = ", ".join(f"CAST({columns[name]} AS {type_}) AS {name}" for name, (type_, _) in order.items())
    query = (
        f"SELECT {listed} FROM {paths} AS paths LEFT JOIN {WATERMARKS} AS watermarks"
        f" ON watermarks.record_source = {_text(funnel.source)}"
    )
    if funnel.include_staff:
        return query
    # an event does not always say that its user is of the staff: another one of the same user may, before or after it
    return f"{query} WHERE NOT paths.user_key IN (SELECT user_key FROM {USERS} WHERE is_staff)"


def _table(funnel: Funnel) -> str:
    return f"core.funnel_paths__{funnel.name}"


def _entries(funnel: Funnel) -> str:
    columns = _shared(funnel)
    columns["reached_step_name"] = _reached_name(funnel)
    columns["step_count"] = str(len(funnel.steps))
    columns["reached_count"] = "paths.reached_count"
    columns["converted_count"] = "CASE WHEN paths.converted_at IS NULL THEN 0 ELSE 1 END"
    columns["seconds_to_convert"] = _seconds("paths.entered_at", "paths.converted_at")
    columns["is_converted"] = "NOT paths.converted_at IS NULL"
    return _select(funnel, columns, ENTRY_COLUMNS, _table(funnel))


def _reached_name(funnel: Funnel) -> str:
    if funnel.order == "unordered":
        return "CAST(paths.reached_count AS STRING)"
    return _step_name(funnel, "paths.reached_count")


def _step_name(funnel: Funnel, number: str) -> str:
    return _by_number(number, {place: _text(step.name) for place, step in enumerate(funnel.steps, 1)})


def _by_number(number: str, values: Mapping[int, str]) -> str:
    cases = " ".join(f"WHEN {place} THEN {value}" for place, value in values.items())
    return f"CASE {number} {cases} END"


def _steps(funnel: Funnel) -> str:
    columns = _shared(funnel)
    is_unordered = funnel.order == "unordered"
    columns["entry_step_key"] = "CONCAT(paths.entry_key, ':', CAST(paths.step_number AS STRING))"
    columns["reached_at"] = "paths.reached_at"
    columns["step_number"] = "paths.step_number"
    columns["step_name"] = _step_name(funnel, "paths.step_number")
    columns["reached_count"] = "CASE WHEN paths.reached_at IS NULL THEN 0 ELSE 1 END"
    columns["next_reached_count"] = (
        f"CASE WHEN paths.step_number = {len(funnel.steps)} THEN NULL"
        " WHEN paths.reached_at IS NULL OR paths.next_at IS NULL THEN 0 ELSE 1 END"
    )
    columns["seconds_from_entry"] = _seconds("paths.entered_at", "paths.reached_at")
    columns["seconds_from_previous"] = "NULL" if is_unordered else _seconds("paths.previous_at", "paths.reached_at")
    columns["is_reached"] = "NOT paths.reached_at IS NULL"
    return _select(funnel, columns, STEP_COLUMNS, f"({_stepwise(funnel)})")


def _stepwise(funnel: Funnel) -> str:
    """A row per path and step of it, with the times of this step and of those beside it; paths are read once."""
    places = range(1, len(funnel.steps) + 1)
    times = {place: f"paths.step_{place}_at" for place in places}
    previous = {place + 1: time for place, time in times.items() if place + 1 in times}
    following = {place - 1: time for place, time in times.items() if place - 1 in times}
    return (
        f"SELECT paths.*, step_number, {_by_number('step_number', times)} AS reached_at,"
        f" {_by_number('step_number', previous)} AS previous_at, {_by_number('step_number', following)} AS next_at"
        f" FROM {_table(funnel)} AS paths CROSS JOIN UNNEST([{', '.join(map(str, places))}]) AS step_number"
    )
