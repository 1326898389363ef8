"""What DuckDB and BigQuery compute differently, or one of them not at all: kept out of models, with what to write instead.

Each construct is judged on the tree of a model's query in BigQuery's dialect. SQLMesh translates the query for DuckDB;
what follows is what the translation gets wrong, found by running both and by reading BigQuery's reference (cited in the
tests).
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlmesh.core.linter.rule import Rule, RuleViolation
from sqlmesh.core.macros import MacroFunc
from sqlmesh.core.model import Model, SqlModel


@dataclass(frozen=True)
class Construct:
    """One way of writing that stays out of models. `found` judges a single node of the tree."""

    code: str
    found: Callable[[exp.Expr], bool]
    why: str
    instead: str


def _unit(node: exp.Expr) -> str:
    unit = node.args.get("unit") or (node.this if isinstance(node, exp.Extract) else None)
    if isinstance(unit, exp.WeekStart):
        return "WEEK"
    return unit.name.upper() if isinstance(unit, exp.Expr) else ""


def _truncates(node: exp.Expr) -> bool:
    return isinstance(node, exp.DateTrunc | exp.TimestampTrunc | exp.DatetimeTrunc)


def _without_parentheses(node: exp.Expr | None) -> exp.Expr | None:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _is_constant(node: exp.Expr | None) -> bool:
    node = _without_parentheses(node)
    if isinstance(node, exp.Cast):
        return _is_constant(node.this)
    return isinstance(node, exp.Literal | exp.Neg)


_FRACTIONAL = (exp.Div, exp.SafeDivide, exp.Avg, exp.Pow, exp.Sqrt, exp.Ln, exp.Log, exp.Exp)
_FRACTIONAL_TYPES = (exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT, exp.DataType.Type.DECIMAL)


def _is_fractional(node: exp.Expr | None) -> bool:
    """Whether an expression evidently has digits behind its point; columns are not looked up."""
    node = _without_parentheses(node)
    if isinstance(node, _FRACTIONAL):
        return True
    if isinstance(node, exp.Literal):
        return not node.is_string and "." in node.name
    if isinstance(node, exp.Cast):
        return node.to.this in _FRACTIONAL_TYPES
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Coalesce | exp.Neg | exp.Sum):
        return any(_is_fractional(part) for part in node.iter_expressions())
    return False


def _casts(node: exp.Expr, *types: exp.DataType.Type) -> bool:
    """A CAST or SAFE_CAST to one of the types."""
    return isinstance(node, exp.Cast) and node.to.this in types


def _is_within(node: exp.Expr, outer: type[exp.Expr], second: str) -> bool:
    """Whether a node is the first argument of a function whose second is that literal."""
    parent = node.parent
    if not isinstance(parent, outer):
        return False
    other = parent.args.get("expression") or next(iter(parent.expressions), None)
    return parent.this is node and isinstance(other, exp.Literal) and other.name == second


def _is_safe_divisor(node: exp.Expr | None) -> bool:
    node = _without_parentheses(node)
    if isinstance(node, exp.Literal):
        return float(node.name) != 0
    return isinstance(node, exp.Nullif)


def _starts_before_one(node: exp.Expr) -> bool:
    start = node.args.get("start") if isinstance(node, exp.Substring) else None
    if start is None or node.args.get("length") is None:
        return False
    return isinstance(start, exp.Neg) or (isinstance(start, exp.Literal) and start.name == "0")


def _lacks_equality(node: exp.Expr) -> bool:
    """An outer join whose condition has no `a = b` that must hold."""
    if not isinstance(node, exp.Join) or node.side not in ("LEFT", "RIGHT", "FULL") or node.args.get("using"):
        return False
    condition = _without_parentheses(node.args.get("on"))
    if condition is None or isinstance(_without_parentheses(node.this), exp.Unnest):
        return False
    parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
    return not any(isinstance(_without_parentheses(part), exp.EQ) for part in parts)


def _ranges_over_time(node: exp.Expr) -> bool:
    if not isinstance(node, exp.WindowSpec) or node.args.get("kind") != "RANGE":
        return False
    return any(isinstance(node.args.get(side), exp.Interval) for side in ("start", "end"))


def _counts_several(node: exp.Expr) -> bool:
    """COUNT(DISTINCT STRUCT(...)) and COUNT(DISTINCT a, b)."""
    if not isinstance(node, exp.Count) or not isinstance(node.this, exp.Distinct):
        return False
    return len(node.this.expressions) > 1 or isinstance(node.this.expressions[0], exp.Struct | exp.Tuple)


def _is_ordered_distinct(node: exp.Expr) -> bool:
    inner = node.this if isinstance(node, exp.Window) else None
    return inner is not None and isinstance(inner.this, exp.Distinct) and node.args.get("order") is not None


def _is_unknown(node: exp.Expr) -> bool:
    """A function that sqlglot does not know goes to DuckDB as it stands; macros are looked up by SQLMesh."""
    return isinstance(node, exp.Anonymous) and not isinstance(node.parent, MacroFunc | exp.Dot)


def _is_bigquery_only(node: exp.Expr) -> bool:
    functions = (exp.FarmFingerprint, exp.SafeAdd, exp.SafeSubtract, exp.SafeMultiply, exp.SafeNegate, exp.SafeFunc)
    return isinstance(node, (*functions, exp.NetFunc, exp.Normalize, exp.ParseNumeric, exp.ParseBignumeric))


T = exp.DataType.Type
CONSTRUCTS: tuple[Construct, ...] = (
    Construct(
        "approximate-aggregate",
        lambda node: isinstance(node, exp.ApproxDistinct | exp.ApproxQuantile | exp.ApproxQuantiles | exp.ApproxTopK),
        "approximate aggregates differ between engines",
        "COUNT(DISTINCT x), PERCENTILE_CONT for quantiles",
    ),
    Construct(
        "extract-week",
        lambda node: isinstance(node, exp.Extract) and _unit(node) in ("DAYOFWEEK", "WEEK", "ISOWEEK"),
        "weeks and their days are numbered differently",
        "MOD(DATE_DIFF(d, DATE '1970-01-05', DAY), 7): 0 on Mondays",
    ),
    Construct(
        "extract-date",
        lambda node: isinstance(node, exp.Extract) and _unit(node) == "DATE",
        "DuckDB has no such part",
        "DATE(x)",
    ),
    Construct(
        "truncate-to-week",
        lambda node: _truncates(node) and _unit(node) in ("WEEK", "ISOWEEK"),
        "weeks start on Monday on DuckDB and on Sunday in BigQuery, and DuckDB has no ISOWEEK",
        "DATE_SUB(d, INTERVAL MOD(DATE_DIFF(d, DATE '1970-01-05', DAY), 7) DAY)",
    ),
    Construct(
        "truncate-a-constant",
        lambda node: _truncates(node) and _is_constant(node.this),
        "constants are folded when the query is rendered, by other rules than those of the engine",
        "truncate a column, or write the date that it is",
    ),
    Construct(
        "last-day-of-week",
        lambda node: isinstance(node, exp.LastDay) and _unit(node) in ("WEEK", "ISOWEEK"),
        "weeks end on different days",
        "DATE_ADD(d, INTERVAL 6 - MOD(DATE_DIFF(d, DATE '1970-01-05', DAY), 7) DAY)",
    ),
    Construct(
        "coarse-elapsed-time",
        lambda node: isinstance(node, exp.TimestampDiff) and _unit(node) != "MICROSECOND",
        "BigQuery counts whole units, DuckDB the boundaries that were crossed",
        "@seconds_between(a, b), or DIV(TIMESTAMP_DIFF(a, b, MICROSECOND), 3600000000) for hours",
    ),
    Construct(
        "array-offset",
        lambda node: isinstance(node, exp.Bracket) and node.args.get("offset") != 1,
        "arrays begin at 0 or at 1",
        "ORDINAL(n), or SAFE_ORDINAL(n)",
    ),
    Construct(
        "unnest-with-offset",
        lambda node: isinstance(node, exp.Unnest) and bool(node.args.get("offset")),
        "offsets begin at 0 in BigQuery and at 1 on DuckDB",
        "GENERATE_ARRAY(1, ARRAY_LENGTH(x)) and x[ORDINAL(n)]",
    ),
    Construct(
        "aggregate-ignoring-nulls",
        lambda node: isinstance(node, exp.IgnoreNulls) and isinstance(node.this, exp.ArrayAgg),
        "IGNORE NULLS is lost on DuckDB",
        "filter before aggregating",
    ),
    Construct(
        "aggregate-with-limit",
        lambda node: isinstance(node, exp.ArrayAgg | exp.GroupConcat) and isinstance(node.this, exp.Limit),
        "DuckDB has no LIMIT within an aggregate",
        "QUALIFY ROW_NUMBER() before aggregating",
    ),
    Construct(
        "format",
        lambda node: (
            isinstance(node, exp.Format | exp.TimeToStr)
            or (isinstance(node, exp.Cast) and bool(node.args.get("format")))
        ),
        "format strings and time zones of FORMAT functions differ",
        "CAST and CONCAT",
    ),
    Construct(
        "number-as-text",
        lambda node: _casts(node, T.TEXT) and _is_fractional(node.this),
        "1 is written `1` by BigQuery, and `1.0` or `1.000000000` by DuckDB",
        "keep it a number, or make it an integer first",
    ),
    Construct(
        "unsized-numeric",
        lambda node: _casts(node, T.DECIMAL, T.BIGDECIMAL) and not node.to.expressions,
        "NUMERIC without its size has three digits behind the point on DuckDB",
        "NUMERIC(38, 9)",
    ),
    Construct(
        "integer-from-fraction",
        lambda node: _casts(node, T.BIGINT) and _is_fractional(node.this),
        "halves are rounded to even on DuckDB and away from zero in BigQuery",
        "CAST(ROUND(x) AS INT64)",
    ),
    Construct(
        "lenient-cast",
        lambda node: isinstance(node, exp.TryCast) and node.to.this in (T.BIGINT, T.BOOLEAN, T.DATE),
        "DuckDB takes texts that BigQuery refuses: '1.5' and '1e3' for INT64, 'yes' for BOOL, a time for DATE",
        "judge the text by the raw contract, then CAST",
    ),
    Construct(
        "numeric-average",
        lambda node: isinstance(node, exp.Avg) and _casts(node.this, T.DECIMAL),
        "the average of NUMERIC is NUMERIC in BigQuery (nine digits) and FLOAT64 on DuckDB",
        "AVG(CAST(x AS FLOAT64))",
    ),
    Construct(
        "division",
        lambda node: isinstance(node, exp.Div) and not _is_safe_divisor(node.expression),
        "division by zero is an error in BigQuery and infinite on DuckDB",
        "SAFE_DIVIDE(a, b)",
    ),
    Construct(
        "integer-division-of-an-expression",
        lambda node: (
            isinstance(node, exp.IntDiv)
            and any(isinstance(side, exp.Binary) and not isinstance(side, exp.Func) for side in (node.left, node.right))
        ),
        "DIV(a - b, n) becomes a - b // n",
        "DIV((a - b), n), with parentheses",
    ),
    Construct(
        "count-if",
        lambda node: isinstance(node, exp.CountIf) and not _is_within(node, exp.Coalesce, "0"),
        "COUNTIF of no rows is NULL on DuckDB and 0 in BigQuery",
        "COALESCE(COUNTIF(x), 0)",
    ),
    Construct(
        "regexp-extract",
        lambda node: isinstance(node, exp.RegexpExtract) and not _is_within(node, exp.Nullif, ""),
        "without a match it is '' on DuckDB and NULL in BigQuery",
        "NULLIF(REGEXP_EXTRACT(x, pattern), '')",
    ),
    Construct(
        "value-at-extreme",
        lambda node: isinstance(node, exp.ArgMax | exp.ArgMin | exp.AnyValue),
        "MAX_BY, MIN_BY and ANY_VALUE skip NULL on DuckDB and give it in BigQuery",
        "QUALIFY ROW_NUMBER() OVER (... ORDER BY ...) = 1, or MAX and MIN",
    ),
    Construct(
        "count-of-structs",
        _counts_several,
        "BigQuery does not count distinct structs",
        "count a key that is put together by CONCAT",
    ),
    Construct(
        "json-value",
        lambda node: isinstance(node, exp.JSONExtractScalar),
        "broken JSON is NULL in BigQuery and an error on DuckDB",
        "@json_text(text, key)",
    ),
    Construct(
        "substring-before-one",
        _starts_before_one,
        "places before the first character are counted on DuckDB and skipped by BigQuery",
        "SUBSTR(x, 1, n), LEFT or RIGHT",
    ),
    Construct(
        "escaped-pattern",
        lambda node: isinstance(node, exp.Like) and "\\" in getattr(node.expression, "name", ""),
        "a backslash escapes in BigQuery's LIKE and is a character on DuckDB",
        "STRPOS, STARTS_WITH, ENDS_WITH or REGEXP_CONTAINS",
    ),
    Construct(
        "filtered-aggregate",
        lambda node: isinstance(node, exp.Filter),
        "BigQuery has no FILTER clause",
        "SUM(IF(condition, x, 0)), COALESCE(COUNTIF(condition), 0)",
    ),
    Construct(
        "time-range-window",
        _ranges_over_time,
        "RANGE takes numbers only in BigQuery",
        "ORDER BY UNIX_MICROS(x) RANGE BETWEEN n PRECEDING ...",
    ),
    Construct(
        "ordered-distinct-window",
        _is_ordered_distinct,
        "BigQuery has no DISTINCT within an ordered window",
        "mark the first of each value by ROW_NUMBER, then sum the marks",
    ),
    Construct(
        "outer-join-without-equality",
        _lacks_equality,
        "BigQuery refuses outer joins whose condition has no equality of both sides; DuckDB and the emulator take them",
        "join by equality, compare in a second step",
    ),
    Construct(
        "bigquery-only",
        lambda node: _is_bigquery_only(node) or _is_unknown(node),
        "DuckDB does not have this function",
        "write it with functions that both have, or as a macro with a test on both engines",
    ),
)
"""Every construct that is refused; the table of docs/bigquery.md names them too."""


@dataclass(frozen=True)
class Finding:
    """A construct in a query; the line is 0 where the tree does not know it."""

    construct: Construct
    line: int

    def text(self, file: str) -> str:
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {self.construct.code}: {self.construct.why}; write {self.construct.instead} instead"


def findings(query: exp.Expr) -> Iterator[Finding]:
    """What of CONSTRUCTS stands in a query, in its order."""
    for node in query.walk(bfs=False):
        for construct in CONSTRUCTS:
            if construct.found(node):
                yield Finding(construct, _line(node))


def _line(node: exp.Expr) -> int:
    """The first line that is known within a node: operators keep none themselves."""
    return next((int(part.meta["line"]) for part in node.walk(bfs=False) if "line" in part.meta), 0)


class SqlIsPortable(Rule):
    """What DuckDB and BigQuery compute differently without an error, or only one of them can, stays out of models."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if not isinstance(model, SqlModel):
            return None
        path = model._path
        file = "/".join(path.parts[-3:]) if path is not None else model.name
        # Lines count from the top of a file only where the query stands in it.
        is_written = path is not None and path.suffix == ".sql"
        found = [one if is_written else Finding(one.construct, 0) for one in findings(model.query)]
        return self.violation("; ".join(dict.fromkeys(one.text(file) for one in found))) if found else None
