"""Column lineage of one query: which columns of which tables each of its columns is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

Source = tuple[str, str]
"""(table as `schema.table`, column)"""

_CLAUSES = ("joins", "where", "group", "having", "qualify", "order")


@dataclass(frozen=True)
class QueryLineage:
    """Per output column its direct sources; and the columns that only decide which rows there are."""

    outputs: dict[str, frozenset[Source]]
    indirect: frozenset[Source]


def query_lineage(query: exp.Expr) -> QueryLineage:
    """The lineage of a qualified query (every column has its table, no star is left)."""
    scope = build_scope(query)
    if scope is None:
        return QueryLineage({}, frozenset())
    tracer = _Tracer()
    outputs = {name: tracer.output(scope, position) for position, name in enumerate(_names(scope))}
    direct = frozenset(source for sources in outputs.values() for source in sources)
    deciding = frozenset(source for one in scope.traverse() for source in tracer.deciding(one))
    return QueryLineage(outputs, deciding - direct)


class _Tracer:
    """Follows columns through common table expressions, sub-queries and unions, each once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], frozenset[Source]] = {}

    def output(self, scope: Scope, position: int) -> frozenset[Source]:
        """The sources of a column that a scope gives, by its position."""
        key = (id(scope), position)
        if key not in self._known:
            self._known[key] = frozenset()  # a recursive query asks for itself: it adds nothing of its own
            self._known[key] = frozenset(self._output(scope, position))
        return self._known[key]

    def _output(self, scope: Scope, position: int) -> Iterator[Source]:
        if scope.union_scopes:
            for branch in scope.union_scopes:
                yield from self.output(branch, position)
            return
        selects = getattr(scope.expression, "selects", [])
        if position < len(selects):
            yield from self._columns(scope, selects[position])

    def deciding(self, scope: Scope) -> Iterator[Source]:
        """The sources of what a scope filters, joins, groups and orders by: of all but what it selects."""
        for clause in _CLAUSES:
            parts = scope.expression.args.get(clause) or []
            for part in parts if isinstance(parts, list) else [parts]:
                yield from self._columns(scope, part)

    def _columns(self, scope: Scope, expression: exp.Expr) -> Iterator[Source]:
        for column in expression.find_all(exp.Column):
            yield from self._column(scope, column)
        for subquery in scope.subquery_scopes:
            if _contains(expression, subquery.expression):
                for position in range(len(_names(subquery))):
                    yield from self.output(subquery, position)

    def _column(self, scope: Scope, column: exp.Column) -> Iterator[Source]:
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            yield (f"{source.db}.{source.name}", column.name)
        elif isinstance(source, Scope):
            names = _names(source)
            if column.name in names:
                yield from self.output(source, names.index(column.name))
            elif not names:
                yield from self._columns(scope, source.expression)  # an UNNEST: what it unfolds


def _names(scope: Scope) -> list[str]:
    first = scope
    while first.union_scopes:
        first = first.union_scopes[0]
    names: Iterable[str] = first.outer_columns or getattr(first.expression, "named_selects", [])
    return list(names)


def _contains(expression: exp.Expr, inner: exp.Expr) -> bool:
    return any(node is inner for node in expression.walk())
