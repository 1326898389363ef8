"""A view inside of another query that stands for the view itself: `SELECT ... FROM (SELECT * FROM sales) q`.

Tools wrap what they are given, all columns or those that they use, and mean the table. Read as rows it would be another
one: columns of the many repeat the rows of the one, and sums over them would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from semantic.datamodel.types import Cube, Measure
from semantic.sqlapi.rewriting.grouping import is_grouped, own_nodes
from semantic.sqlapi.rewriting.measures import FITTING, function_name, is_aggregate
from semantic.sqlapi.rewriting.tables import Source, public_members

Find = Callable[[exp.Table], Cube | None]
"""The view or cube that a table is; None for other tables."""

_PLAIN = frozenset(("expressions", "from_", "where", "kind"))


def inline_tables(query: exp.Expr, find: Find) -> None:
    """Put common table expressions that are plain columns of a table where they are read, in place."""
    with_ = query.args.get("with_")
    if with_ is None or with_.args.get("recursive"):
        return
    names = [cte.alias for cte in query.root().find_all(exp.CTE)]
    for cte in list(with_.expressions):
        if names.count(cte.alias) != 1 or _columns(cte.this, find) is None or cte.args["alias"].columns:
            continue
        cte.pop()
        for table in list(query.find_all(exp.Table)):
            if table.name == cte.alias and not table.db and isinstance(table.this, exp.Identifier):
                alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True))
                table.replace(exp.Subquery(this=cte.this.copy(), alias=alias))
    if not with_.expressions:
        with_.pop()


def flatten(select: exp.Select, find: Find) -> None:
    """Let a SELECT from nothing but `(SELECT columns FROM table WHERE ...) q` read the table itself as q, in place:
    where all columns are meant, or where it aggregates measures by their own functions."""
    from_ = select.args.get("from_")
    inner = from_.this if from_ is not None else None
    if not isinstance(inner, exp.Subquery) or not inner.alias or select.args.get("joins") or inner.args.get("joins"):
        return
    if isinstance(inner.this, exp.Select):
        flatten(inner.this, find)
    columns = _columns(inner.this, find)
    if columns is None or inner.args["alias"].columns:
        return
    table, where = inner.this.args["from_"].this, inner.this.args.get("where")
    cube = find(table)
    if cube is None or not _is_over_rows(where, Source(table.alias_or_name, cube)):
        return
    if not inner.this.expressions[0].is_star and not _renamed(select, inner.alias, columns, cube):
        return
    if where is not None:
        for column in list(where.find_all(exp.Column)):
            column.set("table", exp.to_identifier(inner.alias, quoted=True))
        select.where(where.this, copy=False)
    table.set("alias", exp.TableAlias(this=exp.to_identifier(inner.alias, quoted=True)))
    inner.replace(table)


def _columns(query: exp.Expr, find: Find) -> Mapping[str, str] | None:
    """The columns of a SELECT that is nothing but columns of one table: its names for them, and theirs. None for any
    other SELECT."""
    if not isinstance(query, exp.Select) or any(value for key, value in query.args.items() if key not in _PLAIN):
        return None
    from_ = query.args.get("from_")
    table = from_.this if from_ is not None else None
    cube = find(table) if isinstance(table, exp.Table) and not table.args.get("joins") else None
    if cube is None:
        return None
    if len(query.expressions) == 1 and query.expressions[0].is_star:
        return {name: name for name in public_members(cube)}
    found: dict[str, str] = {}
    for part in query.expressions:
        column = part.unalias()
        if (
            not isinstance(column, exp.Column)
            or isinstance(column.this, exp.Star)
            or column.name not in public_members(cube)
        ):
            return None
        found[part.alias_or_name] = column.name
    return found if len(found) == len(query.expressions) else None


def _is_over_rows(where: exp.Expr | None, source: Source) -> bool:
    """Whether a condition looks at nothing but columns of the table that a row has."""
    if where is None:
        return True
    columns = [node for node in own_nodes(where) if isinstance(node, exp.Column)]
    members = [source.member(column.name) for column in columns]
    return (
        where.find(exp.Query) is None
        and all(column.table in ("", source.alias) for column in columns)
        and not any(member is None or isinstance(member, Measure) for member in members)
    )


def _renamed(select: exp.Select, alias: str, columns: Mapping[str, str], cube: Cube) -> bool:
    """Give the columns of a wrapped table their own names, where measures among them are aggregated by their own
    functions and are nothing else; whether that is so."""
    read = [node for node in own_nodes(select) if isinstance(node, exp.Column) and node.table in ("", alias)]
    outputs = {part.alias for part in select.expressions if isinstance(part, exp.Alias)}
    read = [column for column in read if column.table or column.name in columns]
    members = public_members(cube)
    measures = [column for column in read if isinstance(members.get(columns.get(column.name, "")), Measure)]
    queries = [node for node in own_nodes(select) if isinstance(node, exp.Query)]
    if not measures or not is_grouped(select) or len(queries) > 2:
        return False
    # A name without its table may be that of an output: then only one that is the column's own name is plain.
    unclear = {name for name in outputs if columns.get(name) != name}
    if any(column.name not in columns or (not column.table and column.name in unclear) for column in read):
        return False
    for column in measures:
        member = members[columns[column.name]]
        if not isinstance(member, Measure) or not _fits(column, member):
            return False
    for part in [part for part in select.expressions if isinstance(part, exp.Column)]:
        part.replace(exp.alias_(part.copy(), part.name, quoted=True))
    for column in [node for node in own_nodes(select) if isinstance(node, exp.Column) and node.table in ("", alias)]:
        if column.name in columns:
            column.set("this", exp.to_identifier(columns[column.name], quoted=True))
    return True


def _fits(column: exp.Column, measure: Measure) -> bool:
    call = column.parent
    while isinstance(call, exp.Paren | exp.Distinct):
        call = call.parent
    return call is not None and is_aggregate(call) and function_name(call) in ("MEASURE", *FITTING[measure.type])
