"""Macros for JSON kept as text."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def json_text(evaluator: MacroEvaluator, text: exp.Expression, key: exp.Expression) -> exp.Expr:
    """The value of a top-level key as text; NULL where the key is absent or the text is no JSON.

    BigQuery's JSON_VALUE gives NULL for a broken text by itself, DuckDB's fails unless it is checked before.
    """
    value: exp.Expr = exp.maybe_parse(f"JSON_VALUE(text, '$.{key.name}')", dialect="bigquery")
    checked = text.copy()
    if not (evaluator.gateway or "").startswith("bigquery"):
        is_json = exp.Anonymous(this="JSON_VALID", expressions=[text.copy()])
        checked = exp.Case(ifs=[exp.If(this=is_json, true=text.copy())])
    return exp.replace_tree(value, lambda node: checked if isinstance(node, exp.Column) else node)
