"""Functions of PostgreSQL that DuckDB lacks, or computes otherwise, written with those that it has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import sqlglot
from sqlglot import exp

from semantic.sqlapi.errors import NotSupported

_FLOATS = (exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)


def substitute(tree: exp.Expr) -> None:
    """Change the calls in a statement in place. Raises NotSupported for those that nothing stands for."""
    # From the inside out: what is written anew holds copies of its arguments.
    for call in reversed(list(tree.find_all(*_WRITTEN, exp.Anonymous))):
        write = _NAMED.get(call.name.lower()) if isinstance(call, exp.Anonymous) else _WRITTEN[type(call)]
        written = write(call) if write is not None else None
        if written is not None:
            call.replace(written)


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _wrapped(node: exp.Expr) -> exp.Paren:
    return exp.Paren(this=node.copy())


def _rounded(call: exp.Expr) -> exp.Expr | None:
    """Halves of floats go to the even side; those of numerics away from zero, as DuckDB's do."""
    if call.args.get("decimals") is not None or not _is_float(call.this):
        return None
    return _call("round_even", call.this, _number(0))


def _is_float(node: exp.Expr) -> bool:
    """Whether an expression says that it is a float: by a cast, or by arithmetic with one."""
    if isinstance(node, exp.Cast):
        return node.to.this in _FLOATS
    if isinstance(node, exp.Paren | exp.Neg):
        return _is_float(node.this)
    return isinstance(node, _ARITHMETIC) and (_is_float(node.this) or _is_float(node.expression))


def _constant(node: exp.Expr) -> int | None:
    """A whole number that is written out."""
    inner = node.unnest()
    sign = -1 if isinstance(inner, exp.Neg) else 1
    inner = inner.this if sign < 0 else inner
    is_number = isinstance(inner, exp.Literal) and not inner.is_string and inner.name.isdigit()
    return sign * int(inner.name) if is_number else None


def _part(call: exp.Expr) -> exp.Expr | None:
    """A start before the text takes from the length: DuckDB would count it from the end."""
    text, start, length = call.this, call.args.get("start"), call.args.get("length")
    if start is None:
        return None
    if isinstance(start, exp.Literal) and start.is_string:
        return _matched(text, start, "") if length is None else None
    known = _constant(start)
    if known is not None and known > 0:
        return None
    first = _number(1) if known is not None else _call("greatest", start, _number(1))
    if length is not None:
        reached = exp.Sub(this=exp.Add(this=_wrapped(start), expression=_wrapped(length)), expression=first.copy())
        length = _call("greatest", reached, _number(0))
    return _call("substring", text, first, *([length] if length is not None else []))


def _overlaid(call: exp.Expr) -> exp.Expr:
    text, over, start = call.this, call.expression, call.args["from_"]
    length = call.args.get("for_") or _call("length", over)
    before = _call("left", text, exp.Sub(this=_wrapped(start), expression=_number(1)))
    after = _call("substring", text, exp.Add(this=_wrapped(start), expression=_wrapped(length)))
    return exp.Paren(this=exp.DPipe(this=exp.DPipe(this=before, expression=over.copy()), expression=after))


def _bucket(call: exp.Expr) -> exp.Expr:
    """The number of the bucket, of equal width, that a value lies in; 0 before the first, one more behind the last."""
    low, high, count = (call.args.get(name) for name in ("min_value", "max_value", "num_buckets"))
    if low is None or high is None or count is None:
        raise NotSupported("width_bucket takes a value, two bounds and a number of buckets here")
    value, low, high, count = map(_wrapped, (call.this, low, high, count))
    share = "FLOOR({count} * CAST({value} - {low} AS DOUBLE) / ({high} - {low})) + 1"
    text = (
        "CAST(CASE WHEN {low} < {high} THEN CASE WHEN {value} < {low} THEN 0 WHEN {value} >= {high} THEN {count} + 1"
        f" ELSE {share} END ELSE CASE WHEN {{value}} > {{low}} THEN 0 WHEN {{value}} <= {{high}} THEN {{count}} + 1"
        f" ELSE {share} END END AS INTEGER)"
    )
    holders = {"value": value, "low": low, "high": high, "count": count}
    tree: exp.Expr = sqlglot.parse_one(text.format(**{name: f"_{name}_" for name in holders}), read="duckdb")
    for column in list(tree.find_all(exp.Column)):
        column.replace(holders[column.name.strip("_")].copy())
    return tree


def _first_match(call: exp.Expr) -> exp.Expr:
    """regexp_match: the texts of the groups, or of the whole match; NULL without one."""
    text, pattern, *flags = call.expressions
    if len(flags) > 1 or any(not isinstance(flag, exp.Literal) for flag in flags):
        raise NotSupported("regexp_match takes a text, a pattern and the text of its flags here")
    return _matched(text, pattern, flags[0].name if flags else "", is_list=True)


def _matched(text: exp.Expr, pattern: exp.Expr, flags: str, *, is_list: bool = False) -> exp.Expr:
    try:
        groups = re.compile(pattern.name).groups if isinstance(pattern, exp.Literal) else -1
    except re.error:
        groups = -1
    if groups < 0 or flags not in ("", "i"):
        message = "a regular expression to extract by is a plain text here, its flag none or 'i'"
        raise NotSupported(message, hint="regexp_replace() and ~ take others.")
    options = [exp.Literal.string(flags)] if flags else []
    numbers = range(1, groups + 1) if groups else range(1)
    parts = [_call("regexp_extract", text, pattern, _number(number), *options) for number in numbers]
    found = exp.Array(expressions=parts) if is_list else parts[0]
    return exp.Case(ifs=[exp.If(this=_call("regexp_matches", text, pattern, *options), true=found)])


def _every_match(_: exp.Expr) -> exp.Expr:
    raise NotSupported(
        "regexp_matches() gives a row per match, which is not supported",
        hint="regexp_match() gives the first match, regexp_count() the number, ~ whether there is one.",
    )


def _encoded(_: exp.Expr) -> exp.Expr:
    raise NotSupported("encode() is not supported: bytes are sent as they are", hint="md5() and to_hex() give texts.")


_WRITTEN: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr | None]] = {
    exp.Round: _rounded,
    exp.Substring: _part,
    exp.Overlay: _overlaid,
    exp.WidthBucket: _bucket,
    exp.Encode: _encoded,
}
_NAMED: Mapping[str, Callable[[exp.Expr], exp.Expr]] = {
    "regexp_match": _first_match,
    "regexp_matches": _every_match,
    "encode": _encoded,
}
