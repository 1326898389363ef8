"""WHERE conditions as filters of a semantic query.

A condition becomes an operator only where both mean exactly the same rows, NULLs and letter case included; what has
no such operator travels as a tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlglot import exp

from semantic.datamodel.types import Dimension, Measure, Segment
from semantic.query.types import Condition, Filter, SqlCondition
from semantic.sqlapi.errors import MeasureMisuse
from semantic.sqlapi.rewriting.grouping import Parts, client_columns
from semantic.sqlapi.rewriting.tables import Column, Sources, position_of

_COMPARISONS: dict[type[exp.Expr], str] = {exp.GT: "gt", exp.GTE: "gte", exp.LT: "lt", exp.LTE: "lte"}
_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ,
}  # fmt: skip


@dataclass(frozen=True)
class Pushed:
    """What a WHERE became."""

    filters: tuple[Filter, ...] = ()
    segments: tuple[str, ...] = ()


def conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of a condition that are joined by AND."""
    if isinstance(condition, exp.Paren):
        yield from conjuncts(condition.this)
    elif isinstance(condition, exp.And):
        yield from conjuncts(condition.this)
        yield from conjuncts(condition.expression)
    else:
        yield condition


def push(conditions: Sequence[exp.Expr], parts: Parts) -> Pushed:
    """Conditions that must all hold, as filters and segments.

    Raises MeasureMisuse for a measure in them.
    """
    sources = parts.sources
    filters: list[Filter] = []
    segments: list[str] = []
    for part in conditions:
        segment = segment_of(part, sources)
        if segment is not None:
            segments.append(segment)
            continue
        found = _operator(part, sources)
        if found is not None:
            filters.extend(found)
        else:
            tree = _tree(part, sources)
            filters.append(parts.condition(part) if _is_ambiguous(part, tree) else tree)
    return Pushed(tuple(filters), tuple(segments))


def exact(part: exp.Expr, sources: Sources) -> list[Filter] | None:
    """The filters that mean exactly this condition, None where there are none. Times are compared as they are."""
    found = _operator(part, sources)
    if found is not None or not isinstance(part, exp.GT | exp.GTE | exp.LT | exp.LTE):
        return found
    left, right = part.this, _uncast(part.expression)
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Literal) or not right.is_string:
        return None
    column = sources.resolve(left)
    if column is None or not column.is_time:
        return None
    return [_tree(part, sources)]


def _uncast(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return node


def segment_of(part: exp.Expr, sources: Sources) -> str | None:
    """`segment`, `segment IS TRUE` or `segment = TRUE`."""
    if isinstance(part, exp.Is | exp.EQ) and isinstance(part.expression, exp.Boolean) and part.expression.this:
        part = part.this
    if not isinstance(part, exp.Column):
        return None
    found = sources.resolve(part)
    return found.full_name if found is not None and isinstance(found.member, Segment) else None


def _operator(part: exp.Expr, sources: Sources) -> list[Filter] | None:
    """The conditions that mean exactly this, or None."""
    try:
        if isinstance(part, exp.Not):
            return _negated(part.this, sources)
        if isinstance(part, exp.Is) and isinstance(part.expression, exp.Null):
            return [Condition(_dimension(part.this, sources).full_name, "notSet")]
        if isinstance(part, exp.In) and not part.args.get("query"):
            column = _comparable(part.this, sources)
            return [Condition(column.full_name, "equals", _texts(part.expressions, column))]
        if isinstance(part, exp.Between) and not part.args.get("symmetric"):
            column = _number(part.this, sources)
            low, high = _texts([part.args["low"], part.args["high"]], column)
            return [Condition(column.full_name, "gte", (low,)), Condition(column.full_name, "lte", (high,))]
        return _comparison(part, sources)
    except LookupError:
        return None


def _negated(part: exp.Expr, sources: Sources) -> list[Filter] | None:
    if isinstance(part, exp.Paren):
        return _negated(part.this, sources)
    if isinstance(part, exp.Is) and isinstance(part.expression, exp.Null):
        return [Condition(_dimension(part.this, sources).full_name, "set")]
    if isinstance(part, exp.In) and not part.args.get("query"):
        column = _comparable(part.this, sources)
        return _unequal(column, _texts(part.expressions, column))
    return None


def _comparison(part: exp.Expr, sources: Sources) -> list[Filter] | None:
    kind = type(part)
    if kind not in _FLIPPED:
        return None
    left, right = part.this, part.expression
    if not isinstance(left, exp.Column):
        left, right, kind = right, left, _FLIPPED[kind]
    if kind in _COMPARISONS:
        column = _number(left, sources)
        return [Condition(column.full_name, _COMPARISONS[kind], _texts([right], column))]
    column = _comparable(left, sources)
    values = _texts([right], column)
    return [Condition(column.full_name, "equals", values)] if kind is exp.EQ else _unequal(column, values)


def _unequal(column: Column, values: tuple[str, ...]) -> list[Filter]:
    """SQL's <> is not true for NULL, while the operator keeps rows without a value."""
    return [Condition(column.full_name, "notEquals", values), Condition(column.full_name, "set")]


def _dimension(node: exp.Expr, sources: Sources) -> Column:
    if not isinstance(node, exp.Column):
        raise LookupError
    found = sources.require(node)
    if not isinstance(found.member, Dimension):
        raise LookupError
    return found


def _comparable(node: exp.Expr, sources: Sources) -> Column:
    """A dimension whose operators compare as SQL does. Times do not: operators round dates to whole days."""
    found = _dimension(node, sources)
    if not isinstance(found.member, Dimension) or found.member.type not in ("string", "number", "boolean"):
        raise LookupError
    return found


def _number(node: exp.Expr, sources: Sources) -> Column:
    found = _dimension(node, sources)
    if not isinstance(found.member, Dimension) or found.member.type != "number":
        raise LookupError
    return found


def _texts(nodes: list[exp.Expr], column: Column) -> tuple[str, ...]:
    """Constants as the texts that conditions take. Raises LookupError for NULL and for values of another type."""
    assert isinstance(column.member, Dimension)
    return tuple(_text(literal_value(node), column.member.type) for node in nodes)


def _text(value: object, kind: str) -> str:
    fits: tuple[type, ...] = {"string": (str,), "number": (int, float, Decimal), "boolean": (bool,)}.get(kind, ())
    if not isinstance(value, fits) or (isinstance(value, bool) and kind != "boolean"):
        raise LookupError
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _tree(part: exp.Expr, sources: Sources) -> SqlCondition:
    """A condition with its columns named `cube.member`."""
    tree = part.copy()
    members: list[str] = []
    holder = exp.Paren(this=tree)
    for column in client_columns(holder):
        found = sources.require(column)
        if isinstance(found.member, Measure):
            raise MeasureMisuse(
                f'measure "{column.name}" cannot stand in WHERE',
                position=position_of(column.this),
                hint=f"Groups are filtered in HAVING: HAVING MEASURE({column.name}) > ...",
            )
        members.append(found.full_name)
        cube, _, name = found.full_name.partition(".")
        column.replace(exp.column(name, table=cube, quoted=True))
    return SqlCondition(holder.this, tuple(dict.fromkeys(members)), holder.this.sql("duckdb"))


def _is_ambiguous(part: exp.Expr, condition: SqlCondition) -> bool:
    """Whether a column of a sub-query in it is called like one of the members."""
    if part.find(exp.Query) is None:
        return False
    own = {id(column) for column in client_columns(part)}
    inner = [column for column in part.find_all(exp.Column) if id(column) not in own]
    return any(f"{column.table}.{column.name}" in condition.members for column in inner)


def literal_value(node: exp.Expr) -> object:
    """The value of a literal, also under a sign, parentheses or a cast. Raises LookupError."""
    match node:
        case exp.Paren():
            return literal_value(node.this)
        case exp.Neg():
            value = literal_value(node.this)
            if isinstance(value, int | float | Decimal):
                return -value
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal() if node.is_string:
            return str(node.this)
        case exp.Literal():
            return Decimal(node.this) if "." in node.this or "e" in node.this.lower() else int(node.this)
        case exp.Cast() if node.to.this in exp.DataType.TEXT_TYPES:
            value = literal_value(node.this)
            if isinstance(value, str):
                return value
    raise LookupError
