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
    checked = _checked(evaluator, text)
    return exp.replace_tree(value, lambda node: checked if isinstance(node, exp.Column) else node)


@macro()
def readable_json(evaluator: MacroEvaluator, text: exp.Expression) -> exp.Expr:
    """A text of which JSON_VALUE may be taken: NULL where it is no JSON and the engine would fail on it.

    On BigQuery the text as it is: there JSON_VALUE gives NULL for a broken one by itself.
    """
    return _checked(evaluator, text)


def _checked(evaluator: MacroEvaluator, text: exp.Expression) -> exp.Expr:
    if (evaluator.gateway or "").startswith("bigquery"):
        return text.copy()
    is_json = exp.Anonymous(this="JSON_VALID", expressions=[text.copy()])
    return exp.Case(ifs=[exp.If(this=is_json, true=text.copy())])
