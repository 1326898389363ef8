"""Aggregate functions over measures: which function fits which measure."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from semantic.datamodel.types import Cube, Measure
from semantic.sqlapi.errors import MeasureMisuse
from semantic.sqlapi.rewriting.tables import Column, Source, Sources, position_of

_ANY_NUMBER = ("SUM", "AVG", "MIN", "MAX", "COUNT", "COUNT DISTINCT")
FITTING: Mapping[str, tuple[str, ...]] = {
    "count": ("COUNT",),
    "count_distinct": ("COUNT DISTINCT",),
    "count_distinct_approx": ("COUNT DISTINCT", "APPROX_COUNT_DISTINCT"),
    "sum": ("SUM",),
    "avg": ("AVG",),
    "min": ("MIN",),
    "max": ("MAX",),
    "number": _ANY_NUMBER,
    "number_agg": _ANY_NUMBER,
    "rank": _ANY_NUMBER,
    "string": ("MIN", "MAX", "STRING_AGG"),
    "time": ("MIN", "MAX"),
    "boolean": ("BOOL_AND", "BOOL_OR"),
}
"""The aggregate functions beside MEASURE() that stand for a measure of a type: they name it, they don't compute it."""

_NAMES: Mapping[type[exp.Expr], str] = {
    exp.Sum: "SUM",
    exp.Avg: "AVG",
    exp.Min: "MIN",
    exp.Max: "MAX",
    exp.ApproxDistinct: "APPROX_COUNT_DISTINCT",
    exp.GroupConcat: "STRING_AGG",
    exp.LogicalAnd: "BOOL_AND",
    exp.LogicalOr: "BOOL_OR",
}


def is_measure_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() == "MEASURE"


def is_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.AggFunc) or is_measure_call(node)


def function_name(node: exp.Expr) -> str:
    """COUNT(DISTINCT x) is `COUNT DISTINCT`."""
    if isinstance(node, exp.Count):
        return "COUNT DISTINCT" if isinstance(node.this, exp.Distinct) else "COUNT"
    if is_measure_call(node):
        return "MEASURE"
    return _NAMES.get(type(node), node.sql_name() if isinstance(node, exp.Func) else "")


def measure_of(node: exp.Expr, sources: Sources) -> Column | None:
    """The measure that an aggregate call names; None for an aggregate over dimensions.

    Raises MeasureMisuse when the function is not the measure's.
    """
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
        return _row_count(sources)
    column = _argument(node)
    if column is None:
        if is_measure_call(node):
            raise MeasureMisuse("MEASURE() takes one measure", hint="Write MEASURE(revenue).")
        return None
    found = sources.require(column)
    name = function_name(node)
    if not isinstance(found.member, Measure):
        if name == "MEASURE":
            raise MeasureMisuse(f'"{column.name}" is a dimension, not a measure', position=position_of(column.this))
        return None
    fitting = FITTING[found.member.type]
    if name != "MEASURE" and name not in fitting:
        raise MeasureMisuse(
            f'measure "{column.name}" is of type {found.member.type}: {name} does not fit it',
            position=position_of(column.this),
            hint=f"Use MEASURE({column.name}){' or ' + ' or '.join(fitting) if fitting else ''}.",
        )
    return found


def _argument(node: exp.Expr) -> exp.Column | None:
    """The column that is an aggregate's only argument."""
    if is_measure_call(node):
        arguments = node.expressions
    elif isinstance(node.this, exp.Distinct):
        arguments = node.this.expressions
    else:
        arguments = [node.this]
    only = arguments[0] if len(arguments) == 1 else None
    while isinstance(only, exp.Paren):
        only = only.this
    return only if isinstance(only, exp.Column) else None


def _row_count(sources: Sources) -> Column | None:
    """The measure that COUNT(*) means: the plain count of the table's root cube, if that is public."""
    if len(sources.all) != 1:
        return None
    source = sources.all[0]
    return _plain_count(source)


def _plain_count(source: Source) -> Column | None:
    counts = [
        measure
        for measure in source.cube.measures.values()
        if measure.public and measure.type == "count" and not measure.filters and _is_of_root(source.cube, measure)
    ]
    return Column(source, counts[0]) if len(counts) == 1 else None


def _is_of_root(cube: Cube, measure: Measure) -> bool:
    if measure.rolling_window is not None or measure.multi_stage is not None or measure.sql is not None:
        return False
    if not cube.is_view:
        return True
    if measure.alias_of is None or len(measure.alias_of.cubes) != 1:
        return False
    roots = {
        member.alias_of.cubes[0] for member in (*cube.dimensions.values(), *cube.measures.values()) if member.alias_of
    }
    return roots == {measure.alias_of.cubes[0]}
