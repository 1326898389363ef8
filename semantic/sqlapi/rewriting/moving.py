"""What of a statement over rows may be done by the compiled query already, so that fewer rows travel from a gateway.

The statement keeps its own WHERE and LIMIT: what is moved only has to let no row go that the statement would keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from semantic.query.types import Filter
from semantic.sqlapi.rewriting import predicates
from semantic.sqlapi.rewriting.grouping import in_window, own_nodes
from semantic.sqlapi.rewriting.measures import is_aggregate
from semantic.sqlapi.rewriting.tables import Sources

_NEEDS_ALL_ROWS = ("group", "having", "order", "distinct", "qualify", "windows")


@dataclass(frozen=True)
class Moved:
    """Filters and a limit of the compiled query."""

    filters: tuple[Filter, ...] = ()
    limit: int | None = None


def moved_into_rows(select: exp.Select, sources: Sources) -> Moved:
    """What a SELECT of rows lets its source do."""
    where = select.args.get("where")
    conditions = list(predicates.conjuncts(where.this)) if where else []
    found = [predicates.exact(part, sources) for part in conditions]
    filters = tuple(one for part in found if part is not None for one in part)
    return Moved(filters, _limit(select) if None not in found else None)


def _limit(select: exp.Select) -> int | None:
    """The rows that LIMIT and OFFSET ask of the source; None where more may be needed, or it is no constant."""
    if any(select.args.get(name) for name in _NEEDS_ALL_ROWS) or select.args.get("limit") is None:
        return None
    if any(is_aggregate(node) or in_window(node) for node in own_nodes(select)):
        return None
    parts: Sequence[exp.Expr | None] = (select.args["limit"], select.args.get("offset"))
    try:
        return sum(_count(part.expression) for part in parts if part is not None)
    except LookupError:
        return None


def _count(node: exp.Expr) -> int:
    value = predicates.literal_value(node)
    if not isinstance(value, int):
        raise LookupError
    return value
