"""Default filters of views: applied unless the query itself says something about the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from semantic.datamodel.types import DataModel
from semantic.query.filter_dates import dated
from semantic.query.parse import zone_of
from semantic.query.types import Condition, Filter, Query, SqlCondition


def with_defaults(query: Query, model: DataModel) -> Query:
    """The query with the default filters of the views it asks. A filter or a date range of the query on the same
    member, or on one of `unless`, takes the place of a default filter."""
    views = dict.fromkeys(name.partition(".")[0] for name in _members(query))
    found: list[Filter] = []
    spoken_of = set(_filtered(query))
    for view in views:
        cube = model.cubes.get(view)
        for default in cube.default_filters if cube else ():
            if default.member in spoken_of or spoken_of & set(default.unless):
                continue
            values = tuple(None if value is None else _text(value) for value in default.values)
            condition = Condition(default.member, default.operator, values)
            found.append(dated(condition, zone_of(query.timezone), query.now or datetime.now(UTC)))
    return replace(query, filters=(*query.filters, *found)) if found else query


def _members(query: Query) -> tuple[str, ...]:
    times = (time.dimension for time in query.time_dimensions)
    return (*query.measures, *query.dimensions, *times, *query.segments)


def _filtered(query: Query) -> tuple[str, ...]:
    ranged = (time.dimension for time in query.time_dimensions if time.date_range is not None)
    return (*(name for entry in query.filters for name in _names(entry)), *ranged)


def _names(entry: Filter) -> tuple[str, ...]:
    if isinstance(entry, Condition):
        return (entry.member,)
    if isinstance(entry, SqlCondition):
        return entry.members
    return tuple(name for child in entry.children for name in _names(child))


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
