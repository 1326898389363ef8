"""Joins that only restrict: `JOIN (SELECT k, ... GROUP BY k) g ON t.a = g.k` keeps the rows whose key is found.

Tools ask so for the largest few series of a chart. A measure cannot be aggregated over a join, but it can over rows
that pass `a IN (SELECT k FROM (...) g)`, which leaves the same: the groups' key is there once, and nothing else of them
is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from semantic.sqlapi.rewriting.grouping import DONE, own_nodes
from semantic.sqlapi.rewriting.tables import Sources


def restrict_by_joins(select: exp.Select, sources: Sources) -> bool:
    """Change such joins of a SELECT to conditions, in place; whether there were any."""
    joins: list[exp.Join] = select.args.get("joins") or []
    found = [(join, keys) for join in joins if (keys := _compared_keys(join, sources))]
    found = [(join, keys) for join, keys in found if not _is_looked_at(select, join, sources)]
    for join, keys in found:
        join.pop()
        select.where(_contained(join, keys), copy=False)
    return bool(found)


def _compared_keys(join: exp.Join, sources: Sources) -> list[tuple[exp.Column, exp.Column]]:
    """The columns of tables beside the keys of the groups that they equal; none where the join does more."""
    inner = join.this.this if isinstance(join.this, exp.Subquery) else None
    on = join.args.get("on")
    if not isinstance(inner, exp.Select) or on is None or join.side or join.kind not in ("", "INNER"):
        return []
    pairs = [_pair(part, join.this, sources) for part in _conjuncts(on)]
    found = [pair for pair in pairs if pair is not None]
    keys = _group_names(inner)
    if len(found) < len(pairs) or not keys or {key.name for _, key in found} != keys or len(found) != len(keys):
        return []
    return found


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    elif isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    else:
        yield node


def _pair(node: exp.Expr, groups: exp.Subquery, sources: Sources) -> tuple[exp.Column, exp.Column] | None:
    if not isinstance(node, exp.EQ):
        return None
    left, right = node.this, node.expression
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column):
        return None
    if _is_of(left, groups, sources):
        left, right = right, left
    if not _is_of(right, groups, sources) or _is_of(left, groups, sources) or sources.resolve(left) is None:
        return None
    return left, right


def _is_of(column: exp.Column, groups: exp.Subquery, sources: Sources) -> bool:
    if column.table:
        return column.table == groups.alias
    return column.name in _outputs(groups.this) and sources.resolve(column) is None


def _outputs(inner: exp.Select) -> Sequence[str]:
    return [part.alias_or_name for part in inner.expressions]


def _group_names(inner: exp.Select) -> set[str]:
    """The names of the columns that a sub-select is grouped by; empty where one of them is not among its columns."""
    group = inner.args.get("group")
    if group is None or any(group.args.get(kind) for kind in ("grouping_sets", "rollup", "cube", "totals")):
        return set()
    names = set()
    for key in group.expressions:
        place = [n for n, part in enumerate(inner.expressions, start=1) if _is_key(key, n, part)]
        if not place:
            return set()
        names.add(inner.expressions[place[0] - 1].alias_or_name)
    return names


def _is_key(key: exp.Expr, number: int, part: exp.Expr) -> bool:
    if isinstance(key, exp.Literal) and not key.is_string:
        return key.name == str(number)
    if key == part.unalias():
        return True
    return isinstance(key, exp.Column) and not key.table and key.name == part.alias_or_name


def _is_looked_at(select: exp.Select, join: exp.Join, sources: Sources) -> bool:
    """Whether anything but its own condition reads the groups."""
    own = {id(node) for node in join.walk()}
    columns = (node for node in own_nodes(select) if isinstance(node, exp.Column) and id(node) not in own)
    aliases = {part.alias for part in select.expressions if isinstance(part, exp.Alias)}
    return any(
        _is_of(column, join.this, sources) and not (not column.table and column.name in aliases) for column in columns
    ) or any(isinstance(part, exp.Star) for part in select.expressions)


def _contained(join: exp.Join, keys: Sequence[tuple[exp.Column, exp.Column]]) -> exp.Expr:
    columns = [column.copy() for column, _ in keys]
    inner = exp.Select(expressions=[key.copy() for _, key in keys])
    inner.set("from_", exp.From(this=join.this))
    one = columns[0] if len(columns) == 1 else exp.Tuple(expressions=columns)
    found = exp.Subquery(this=inner)
    # Its columns are its own: the condition around it asks for none of them.
    found.meta[DONE] = True
    return exp.In(this=one, query=found)
