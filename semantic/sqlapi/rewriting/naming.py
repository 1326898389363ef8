"""Names of result columns: what PostgreSQL calls a column that the client gave no name."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from semantic.sqlapi.rewriting.measures import is_measure_call

_NAMES: Mapping[type[exp.Expr], str] = {
    exp.TimestampTrunc: "date_trunc",
    exp.DateTrunc: "date_trunc",
    exp.Extract: "extract",
    exp.GroupConcat: "string_agg",
    exp.LogicalAnd: "bool_and",
    exp.LogicalOr: "bool_or",
    exp.CurrentTimestamp: "now",
    exp.Case: "case",
    exp.If: "case",
    exp.Exists: "exists",
    exp.Array: "array",
    exp.Interval: "interval",
    exp.Boolean: "bool",
    exp.ArrayAgg: "array_agg",
    exp.JSONObject: "json_build_object",
    exp.ToChar: "to_char",
    exp.TimeToStr: "to_char",
}


def output_name(node: exp.Expr) -> str:
    """The name of a projection. MEASURE(m) is called m."""
    if isinstance(node, exp.Alias | exp.Column | exp.Star):
        return str(node.alias_or_name)
    if is_measure_call(node) and node.expressions:
        return output_name(node.expressions[0])
    if isinstance(node, exp.Paren | exp.Window | exp.Filter | exp.WithinGroup | exp.Bracket):
        return output_name(node.this)
    if isinstance(node, exp.Cast):
        inner = output_name(node.this)
        return inner if inner != "?column?" else str(node.to.sql("postgres")).lower().split("(")[0]
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select) and node.this.expressions:
        return output_name(node.this.expressions[0])
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    for kind, name in _NAMES.items():
        if isinstance(node, kind):
            return name
    if isinstance(node, exp.Func) and not isinstance(node, exp.Connector | exp.Binary):
        return str(node.sql_name()).lower()
    return "?column?"
