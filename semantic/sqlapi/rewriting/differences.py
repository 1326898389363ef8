"""What PostgreSQL and DuckDB say differently, and sqlglot does not translate."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from semantic.sqlapi.errors import NotSupported
from semantic.sqlapi.parameters import parse_array
from semantic.sqlapi.rewriting.substitutes import substitute
from semantic.sqlapi.rewriting.timeformats import written
from semantic.sqlapi.types import TEXT

_SETS = (exp.GenerateSeries, exp.ExplodingGenerateSeries, exp.Unnest, exp.Explode)
_SET_NAMES = frozenset(("unnest", "generate_series", "generate_subscripts", "json_each", "pg_get_keywords"))
_DIRECTIVE = re.compile(r"(%[ILs%])")


def speak_duckdb(tree: exp.Expr) -> None:
    """Change a statement in place: array literals, `= ANY(list)`, names of functions in FROM, LIMIT ALL, numeric,
    patterns, seconds, functions. Raises NotSupported for what nothing stands for."""
    _translate_patterns(tree)
    substitute(tree)
    _translate_functions(tree)
    for part in list(tree.find_all(exp.Extract)):
        if part.name.lower() in ("second", "seconds"):
            # DuckDB's second has no fraction, its microsecond holds both.
            whole = exp.Extract(this=exp.var("microsecond"), expression=part.expression.copy())
            part.replace(exp.Paren(this=exp.Div(this=whole, expression=exp.Literal.number(1_000_000))))
    for cast in list(tree.find_all(exp.Cast)):
        if cast.to.this == exp.DataType.Type.ARRAY and isinstance(cast.this, exp.Literal):
            cast.set("this", array(cast.this.name))
        if cast.to.this == exp.DataType.Type.DECIMAL and not cast.to.expressions:
            # PostgreSQL's has any scale; DuckDB's would have three digits.
            cast.set("to", exp.DataType.build("DECIMAL(38, 10)", dialect="duckdb"))
    for exists in tree.find_all(exp.Exists):
        if isinstance(exists.this, exp.Select) and not exists.this.expressions:
            exists.this.set("expressions", [exp.Literal.number(1)])
    for equal in list(tree.find_all(exp.EQ)):
        if isinstance(equal.expression, exp.Any):
            equal.replace(contained(equal))
    for unequal in list(tree.find_all(exp.NEQ)):
        if isinstance(unequal.expression, exp.All):
            unequal.replace(contained(unequal))
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.Identifier):
            continue
        if isinstance(table.this, _SETS) or table.this.name.lower() in _SET_NAMES:
            name_function_column(table)
        else:
            table.replace(_one_row(table))
    for limit in list(tree.find_all(exp.Limit)):
        if isinstance(limit.expression, exp.Null) or limit.expression == exp.column("all", quoted=True):
            limit.pop()
    for function in list(tree.find_all(exp.Format)):
        function.replace(_formatted(function))


_NAMES = {
    "btrim": "trim", "cardinality": "len", "every": "bool_and", "clock_timestamp": "now",
    "statement_timestamp": "now", "transaction_timestamp": "now",
}  # fmt: skip
_PARTS = ("years", "months", "weeks", "days", "hours", "mins", "secs")


def _translate_functions(tree: exp.Expr) -> None:
    for call in list(tree.find_all(exp.Anonymous)):
        name = call.name.lower()
        if name == "to_char":
            call.replace(written(call))
        elif name in _NAMES:
            call.set("this", _NAMES[name])
    for made in list(tree.find_all(exp.MakeInterval)):
        made.replace(_interval(made))


def _interval(made: exp.MakeInterval) -> exp.Expr:
    """make_interval with its parts by name: a sum of intervals."""
    parts = [part for part in made.args.values() if isinstance(part, exp.Kwarg | exp.PropertyEQ)]
    if not parts or any(part.this.name.lower() not in _PARTS for part in parts):
        raise NotSupported(f"make_interval takes its parts by name here: {', '.join(_PARTS)}")
    found: exp.Expr | None = None
    for part in parts:
        unit = {"mins": "minutes", "secs": "seconds"}.get(part.this.name.lower(), part.this.name.lower())
        one = exp.Anonymous(this=f"to_{unit}", expressions=[part.expression.copy()])
        found = one if found is None else exp.Add(this=found, expression=one)
    return exp.Paren(this=found)


def _translate_patterns(tree: exp.Expr) -> None:
    """A backslash is the escape of PostgreSQL's patterns when nothing is said; DuckDB has none."""
    for like in list(tree.find_all(exp.Like, exp.ILike)):
        pattern = like.expression
        items = pattern.this.unnest() if isinstance(pattern, exp.Any | exp.All) else None
        if isinstance(items, exp.Array) and items.expressions:
            like.replace(_with_each(like, items.expressions))
    for like in list(tree.find_all(exp.Like, exp.ILike)):
        pattern = like.expression
        is_plain = isinstance(pattern, exp.Literal) and "\\" not in pattern.name
        if not is_plain and not isinstance(like.parent, exp.Escape) and not isinstance(pattern, exp.Any | exp.All):
            like.replace(exp.Escape(this=like.copy(), expression=exp.Literal.string("\\")))
    for similar in list(tree.find_all(exp.SimilarTo)):
        pattern = similar.expression
        if not isinstance(pattern, exp.Literal) or isinstance(similar.parent, exp.Escape):
            raise NotSupported("SIMILAR TO takes a text here, without ESCAPE; use ~ with a regular expression")
        similar.set("expression", exp.Literal.string(_as_regex(pattern.name)))


def _with_each(like: exp.Binary, patterns: Sequence[exp.Expr]) -> exp.Expr:
    """`x LIKE ANY (ARRAY[...])`, and ALL, pattern by pattern."""
    join = exp.or_ if isinstance(like.expression, exp.Any) else exp.and_
    parts = [type(like)(**{**like.copy().args, "expression": pattern.copy()}) for pattern in patterns]
    return exp.Paren(this=join(*parts))


def _as_regex(pattern: str) -> str:
    """A pattern of SIMILAR TO as the regular expression that DuckDB takes it for."""
    signs = {"%": ".*", "_": ".", ".": "\\.", "^": "\\^", "$": "\\$"}
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "(?s)" + "".join(re.escape(part[1]) if len(part) == 2 else signs.get(part, part) for part in parts)


def array(text: str) -> exp.Expr:
    """A literal such as '{a,b}' as a list; anything else stays a text."""
    try:
        items = parse_array(text, TEXT)
    except (ValueError, IndexError):
        return exp.Literal.string(text)
    return exp.Array(expressions=[exp.null() if item is None else exp.Literal.string(str(item)) for item in items])


def name_function_column(table: exp.Table) -> None:
    """The alias of a function in FROM names its column too."""
    alias = table.args.get("alias")
    if alias is not None and not alias.columns:
        alias.set("columns", [alias.this.copy()])


def contained(node: exp.EQ | exp.NEQ) -> exp.Expr:
    """`x = ANY(list)` and `x <> ALL(list)` as DuckDB says them; with a sub-query they stay."""
    items = node.expression.this.unnest()
    if isinstance(items, exp.Query | exp.Subquery):
        return node
    if isinstance(items, exp.Literal):
        items = array(items.name)
    found = exp.Anonymous(this="list_contains", expressions=[items.copy(), node.this.copy()])
    return found if isinstance(node, exp.EQ) else exp.Not(this=found)


def _one_row(table: exp.Table) -> exp.Expr:
    """A function in FROM that gives one value is a table of one row."""
    name = table.alias or table.this.name.lower() or "value"
    return exp.select(exp.alias_(table.this.copy(), name, quoted=True)).subquery(exp.to_identifier(name, quoted=True))


def _formatted(node: exp.Format) -> exp.Expr:
    """format('%I.%I', a, b): PostgreSQL's directives; DuckDB's format() has others."""
    arguments = iter(node.expressions)
    parts: list[exp.Expr] = []
    for piece in _DIRECTIVE.split(node.this.name):
        if piece in ("%I", "%L", "%s"):
            value = next(arguments, exp.null()).copy()
            wrap = {"%I": "quote_ident", "%L": "quote_literal"}.get(piece)
            parts.append(exp.Anonymous(this=wrap, expressions=[value]) if wrap else value)
        elif piece:
            parts.append(exp.Literal.string("%" if piece == "%%" else piece))
    return exp.Concat(expressions=parts)
