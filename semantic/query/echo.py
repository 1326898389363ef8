"""A query as Cube's REST API sends it back: names in order, dates resolved, defaults filled in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from semantic.query.types import Condition, Filter, Group, Query, TimeDimension


def echo(query: Query) -> dict[str, Any]:
    """The normalised query, with the row filters of access policies among its own, and without what only a transport
    knows. Which optional keys it has depends on what the caller gave."""
    given = query.given
    echoed: dict[str, Any] = {}
    if "measures" in given:
        echoed["measures"] = list(query.measures)
    echoed["dimensions"] = list(query.dimensions)
    echoed["timeDimensions"] = [_time(time) for time in query.time_dimensions]
    if "segments" in given:
        echoed["segments"] = list(query.segments)
    echoed["limit"] = query.limit
    for key in ("offset", "total", "ungrouped"):
        if key in given:
            echoed[key] = given[key]
    echoed["timezone"] = query.timezone
    if "responseFormat" in given:
        echoed["responseFormat"] = query.response_format
    if query.join_hints:
        echoed["joinHints"] = [list(hint) for hint in query.join_hints]
    echoed["filters"] = [_filter(entry) for entry in (*query.filters, *query.guards)]
    echoed["rowLimit"] = query.limit
    if query.masked:
        echoed["maskedMembers"] = list(_masked(query))
    if query.order is not None:
        echoed["order"] = [{"id": entry.member, "desc": entry.descending} for entry in query.order]
    return echoed


def _masked(query: Query) -> Iterator[dict[str, Any]]:
    where = dict(query.shown_where)
    for name in sorted(query.masked):
        yield {"member": name, "filter": _filter(where[name])} if name in where else {"member": name}


def _time(time: TimeDimension) -> dict[str, Any]:
    echoed: dict[str, Any] = {"dimension": time.dimension}
    if time.date_range is not None:
        echoed["dateRange"] = time.date_range.texts()
    if time.granularity is not None:
        echoed["granularity"] = time.granularity
    if time.fill_missing_dates:
        echoed["fillMissingDates"] = True
    return echoed


def _filter(entry: Filter) -> dict[str, Any]:
    if isinstance(entry, Group):
        return {entry.connector: [_filter(child) for child in entry.children]}
    if isinstance(entry, Condition):
        echoed: dict[str, Any] = {"member": entry.member, "operator": entry.operator}
        return {**echoed, "values": list(entry.values)} if entry.values else echoed
    return {"sql": entry.text}
