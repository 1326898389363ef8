"""GROUPING SETS, ROLLUP and CUBE over measures: one SELECT for each level of grouping, laid together.

A measure of a coarser level is not the sum of the finer ones, so each level is asked by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product

from sqlglot import exp

from semantic.sqlapi.errors import NotSupported
from semantic.sqlapi.rewriting.grouping import own_nodes
from semantic.sqlapi.rewriting.measures import is_aggregate

Level = tuple[exp.Expr, ...]
KeyOf = Callable[[exp.Expr], exp.Expr]
"""A key as it is written in GROUP BY (a position, a name) to the expression that it means."""
MOST = 64
_OUTSIDE = ("with_", "order", "limit", "offset", "distinct")
"""What is of the statement, and not of one of its levels."""


def has_levels(select: exp.Select) -> bool:
    """Whether a SELECT groups at several levels."""
    group = select.args.get("group")
    return group is not None and any(group.args.get(name) for name in ("grouping_sets", "rollup", "cube"))


def split_levels(select: exp.Select, key_of: KeyOf) -> tuple[exp.Select, list[exp.Select]]:
    """A SELECT over all levels that stands for this one, and the SELECTs of the levels within it.

    Raises NotSupported for what would have to look at several levels at once.
    """
    if any(isinstance(node, exp.Window) for node in own_nodes(select)):
        raise NotSupported(
            "window functions beside GROUPING SETS, ROLLUP and CUBE over measures are not possible",
            hint="Put the grouped query into a sub-select, and the window around it.",
        )
    levels = [_distinct(level) for level in _levels(select.args["group"], key_of)]
    keys = _distinct(tuple(key for level in levels for key in level))
    outer = exp.Select(expressions=[exp.Star()])
    order = _order(select)
    for name in _OUTSIDE:
        outer.set(name, select.args.get(name))
        select.set(name, None)
    outer.set("order", order)
    arms = [_arm(select, level, keys) for level in levels]
    tree: exp.Query = arms[0]
    for arm in arms[1:]:
        tree = exp.Union(this=tree, expression=arm, distinct=False)
    outer.set("from_", exp.From(this=exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier("levels")))))
    return outer, [arm for arm in arms if arm.args.get("from_") is not None]


def _levels(group: exp.Group, key_of: KeyOf) -> Iterator[Level]:
    """Every combination of what stands beside one another."""
    parts: list[list[Level]] = [[tuple(map(key_of, group.expressions))]]
    for name in ("rollup", "cube", "grouping_sets"):
        parts += [_sets(node, key_of) for node in group.args.get(name) or ()]
    count = 1
    for part in parts:
        count *= len(part)
    if count > MOST:
        raise NotSupported(f"{count} levels of grouping are more than {MOST}", sqlstate="54001")
    for chosen in product(*parts):
        yield tuple(key for level in chosen for key in level)


def _sets(node: exp.Expr, key_of: KeyOf) -> list[Level]:
    if isinstance(node, exp.GroupingSets):
        return [level for inner in node.expressions for level in _sets(inner, key_of)]
    if not isinstance(node, exp.Rollup | exp.Cube):
        return [_keys(node, key_of)]
    elements = [_keys(part, key_of) for part in node.expressions]
    if len(elements) > MOST.bit_length() and isinstance(node, exp.Cube):
        raise NotSupported(f"CUBE of {len(elements)} has more levels than {MOST}", sqlstate="54001")
    sizes = range(len(elements), -1, -1)
    chosen: Iterator[Sequence[Level]]
    if isinstance(node, exp.Rollup):
        chosen = (elements[:size] for size in sizes)
    else:
        chosen = (some for size in sizes for some in combinations(elements, size))
    return [tuple(key for element in some for key in element) for some in chosen]


def _keys(node: exp.Expr, key_of: KeyOf) -> Level:
    """One element: a key, or several in parentheses that go together."""
    return tuple(map(key_of, node.expressions)) if isinstance(node, exp.Tuple) else (key_of(node.unnest()),)


def _distinct(level: Level) -> Level:
    return tuple(dict.fromkeys(level))


def _arm(select: exp.Select, level: Level, keys: Level) -> exp.Select:
    """The SELECT of one level: keys of other levels are NULL in it."""
    arm = select.copy()
    missing = [key for key in keys if key not in level]
    for part in (*arm.expressions, arm.args.get("having")):
        if part is not None:
            _fill(part, missing)
    if level:
        arm.set("group", exp.Group(expressions=[key.copy() for key in level]))
        return arm
    arm.set("group", None)
    if any(is_aggregate(node) for node in own_nodes(arm)):
        return arm
    # The level of everything is one row, whatever there is.
    return exp.Select(expressions=arm.expressions)


def _fill(part: exp.Expr, missing: Sequence[exp.Expr]) -> None:
    """Put NULL for keys that a level leaves out, and the bits of GROUPING."""
    for node in list(own_nodes(part)):
        if isinstance(node, exp.Grouping):
            bits = "".join("1" if one.unnest() in missing else "0" for one in node.expressions)
            node.replace(exp.Literal.number(int(bits or "0", 2)))
        elif node in missing and not _is_aggregated(node):
            node.replace(exp.Null())


def _is_aggregated(node: exp.Expr) -> bool:
    above = node.parent
    while above is not None and not isinstance(above, exp.Select):
        if is_aggregate(above):
            return True
        above = above.parent
    return False


def _order(select: exp.Select) -> exp.Order | None:
    """The order by columns of the result, which is all that there is to sort by once the levels are together."""
    order = select.args.get("order")
    if order is None:
        return None
    for key in order.expressions:
        sorted_by = key.this if isinstance(key, exp.Ordered) else key
        for number, part in enumerate(select.expressions, start=1):
            if sorted_by.unnest() == part.unalias().unnest() or sorted_by.name == part.alias_or_name:
                sorted_by.replace(exp.Literal.number(number))
                break
        else:
            if not (isinstance(sorted_by, exp.Literal) and not sorted_by.is_string):
                raise NotSupported(
                    f"ORDER BY {sorted_by.sql('postgres')} is no column of the result",
                    hint="Beside GROUPING SETS, ROLLUP and CUBE over measures, order by columns or their positions.",
                )
    found: exp.Order = order
    return found
