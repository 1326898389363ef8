"""`SELECT * FROM view` inside of another query stands for the view itself.

Tools wrap what they are given (`SELECT ... FROM (SELECT * FROM sales) q`), and mean the table. Read as rows of all
columns it would be another one: columns of the many repeat the rows of the one, and sums over them would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from semantic.sqlapi.rewriting.grouping import own_nodes

IsTable = Callable[[exp.Table], bool]

_PLAIN = frozenset(("expressions", "from_", "where", "kind"))


def inline_tables(query: exp.Expr, is_table: IsTable) -> None:
    """Put common table expressions that are `SELECT *` of a table where they are read, in place."""
    with_ = query.args.get("with_")
    if with_ is None or with_.args.get("recursive"):
        return
    names = [cte.alias for cte in query.root().find_all(exp.CTE)]
    for cte in list(with_.expressions):
        if names.count(cte.alias) != 1 or not _is_whole_table(cte.this, is_table) or cte.args["alias"].columns:
            continue
        cte.pop()
        for table in list(query.find_all(exp.Table)):
            if table.name == cte.alias and not table.db and isinstance(table.this, exp.Identifier):
                alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True))
                table.replace(exp.Subquery(this=cte.this.copy(), alias=alias))
    if not with_.expressions:
        with_.pop()


def flatten(select: exp.Select, is_table: IsTable) -> None:
    """Let a SELECT from nothing but `(SELECT * FROM table WHERE ...) q` read the table itself as q, in place."""
    from_ = select.args.get("from_")
    inner = from_.this if from_ is not None else None
    if not isinstance(inner, exp.Subquery) or not inner.alias or select.args.get("joins") or inner.args.get("joins"):
        return
    if isinstance(inner.this, exp.Select):
        flatten(inner.this, is_table)
    if inner.args["alias"].columns or not _is_whole_table(inner.this, is_table):
        return
    table, where = inner.this.args["from_"].this, inner.this.args.get("where")
    if where is not None:
        known = (table.alias_or_name, "")
        if where.find(exp.Query) or not _is_of(where, known):
            return
        for column in list(where.find_all(exp.Column)):
            column.set("table", exp.to_identifier(inner.alias, quoted=True))
        select.where(where.this, copy=False)
    table.set("alias", exp.TableAlias(this=exp.to_identifier(inner.alias, quoted=True)))
    inner.replace(table)


def _is_of(node: exp.Expr, names: Iterable[str]) -> bool:
    known = set(names)
    return all(one.table in known for one in own_nodes(node) if isinstance(one, exp.Column))


def _is_whole_table(query: exp.Expr, is_table: IsTable) -> bool:
    if not isinstance(query, exp.Select) or any(value for key, value in query.args.items() if key not in _PLAIN):
        return False
    from_ = query.args.get("from_")
    only = query.expressions[0] if len(query.expressions) == 1 else None
    is_star = isinstance(only, exp.Star) or (isinstance(only, exp.Column) and isinstance(only.this, exp.Star))
    table = from_.this if from_ is not None else None
    return is_star and isinstance(table, exp.Table) and not table.args.get("joins") and is_table(table)
