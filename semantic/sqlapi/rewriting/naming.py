"""Names of result columns: what PostgreSQL calls a column that the client gave no name."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from semantic.sqlapi.rewriting.measures import is_measure_call
from semantic.sqlapi.types import SCALARS

_NAMES: Mapping[type[exp.Expr], str] = {
    exp.TimestampTrunc: "date_trunc",
    exp.DateTrunc: "date_trunc",
    exp.Extract: "extract",
    exp.GroupConcat: "string_agg",
    exp.LogicalAnd: "bool_and",
    exp.LogicalOr: "bool_or",
    exp.CurrentTimestamp: "now",
    exp.CurrentVersion: "version",
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


_UNKNOWN = "?column?"
_WEAK, _STRONG = 1, 2


def output_name(node: exp.Expr) -> str:
    """The name of a projection. MEASURE(m) is called m."""
    return _name(node)[0]


def _name(node: exp.Expr) -> tuple[str, int]:
    """The name, and how sure it is: names of columns and functions win over those of types (FigureColname)."""
    if isinstance(node, exp.Alias | exp.Column | exp.Star):
        return str(node.alias_or_name), _STRONG
    if is_measure_call(node) and node.expressions:
        return _name(node.expressions[0])
    if isinstance(node, exp.Dot):
        return _name(node.expression)
    if isinstance(node, exp.Identifier):
        return str(node.this), _STRONG
    if isinstance(node, exp.Paren | exp.Window | exp.Filter | exp.WithinGroup | exp.Bracket):
        return _name(node.this)
    if isinstance(node, exp.Cast):
        inner, strength = _name(node.this)
        return (inner, strength) if strength == _STRONG else (_type_name(node.to), _WEAK)
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        inner, strength = _name(default) if default is not None else ("", 0)
        return (inner, strength) if strength == _STRONG else ("case", _WEAK)
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select) and node.this.expressions:
        return _name(node.this.expressions[0])
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower(), _STRONG
    return _function_name(node)


def _function_name(node: exp.Expr) -> tuple[str, int]:
    for kind, name in _NAMES.items():
        if isinstance(node, kind):
            return name, _STRONG
    if isinstance(node, exp.Func) and not isinstance(node, exp.Connector | exp.Binary):
        return str(node.sql_name()).lower(), _STRONG
    return _UNKNOWN, 0


def _type_name(kind: exp.Expr) -> str:
    """The catalog's name of a type: int4 for integer."""
    written = str(kind.sql("postgres")).lower().replace('"', "").split("(")[0].rpartition(".")[2]
    name = "integer" if written == "int" else written
    return next((known.name for known in SCALARS if known.sql_name == name), name)
