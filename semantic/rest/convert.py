"""`/v1/convert-query`: the REST query that a plain SELECT over one view stands for."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from semantic.query.types import Condition, Filter, Group, Query, TimeDimension
from semantic.rest.errors import BadRequest
from semantic.sqlapi.kinds import Select
from semantic.sqlapi.planner import SqlPlan
from semantic.sqlapi.statements import parse_statements

_CLAUSES = ("having", "qualify", "distinct", "joins", "with_", "windows")
_PLAIN = (exp.Column, exp.AggFunc, exp.TimestampTrunc, exp.DateTrunc)

Json = dict[str, object]


def to_rest(sql: str, planned: SqlPlan) -> Json:
    """Raises BadRequest where the SQL says more than one REST query can."""
    (statement,) = parse_statements(sql)
    if not isinstance(statement, Select) or not isinstance(statement.tree, exp.Select) or len(planned.queries) != 1:
        raise _beyond("it is not one SELECT over one view")
    select, query = statement.tree, planned.queries[0]
    for clause in _CLAUSES:
        if select.args.get(clause):
            raise _beyond(f"it has {clause.rstrip('_').upper()}")
    members = [_member(part, query) for part in select.expressions]
    parts: Json = {
        "measures": list(query.measures),
        "dimensions": list(query.dimensions),
        "timeDimensions": [_time(one) for one in query.time_dimensions],
        "segments": list(query.segments),
        "filters": [_filter(one) for one in query.filters],
        "order": [_order(one, select, members, query) for one in _ordered(select)],
        "limit": _number(select, "limit"),
        "offset": _number(select, "offset"),
        "ungrouped": True if query.ungrouped else None,
    }
    return {name: part for name, part in parts.items() if part not in ([], None)}


def _time(time: TimeDimension) -> Json:
    found: Json = {"dimension": time.dimension, "granularity": time.granularity}
    found["dateRange"] = time.date_range.texts() if time.date_range is not None else None
    return {name: part for name, part in found.items() if part is not None}


def _ordered(select: exp.Select) -> Iterable[exp.Ordered]:
    order = select.args.get("order")
    return order.expressions if order else ()


def _order(ordered: exp.Ordered, select: exp.Select, members: list[str], query: Query) -> list[str]:
    direction = "desc" if ordered.args.get("desc") else "asc"
    by = ordered.this
    if isinstance(by, exp.Literal) and by.is_int:
        place = int(by.name) - 1
        if not 0 <= place < len(members):
            raise _beyond(f"ORDER BY position {by.name} is not in the select list")
        return [members[place], direction]
    aliases = [part.alias_or_name for part in select.expressions]
    if isinstance(by, exp.Column) and by.name in aliases:
        return [members[aliases.index(by.name)], direction]
    return [_member(by, query), direction]


def _member(part: exp.Expr, query: Query) -> str:
    """The member of the query that an item of the select list is; expressions over members are none."""
    bare = part.unalias()
    columns = list(bare.find_all(exp.Column))
    known = [*query.measures, *query.dimensions, *(one.dimension for one in query.time_dimensions)]
    is_measure_call = isinstance(bare, exp.Anonymous) and bare.name.upper() == "MEASURE"
    if (is_measure_call or isinstance(bare, _PLAIN)) and len(columns) == 1:
        for name in known:
            if name.split(".", 1)[1] == columns[0].name:
                return name
    if isinstance(bare, exp.Count) and len(query.measures) == 1:
        return query.measures[0]
    raise _beyond(f"`{part.sql('postgres')}` is not a member")


def _filter(condition: Filter) -> Json:
    if isinstance(condition, Condition):
        content: Json = {"member": condition.member, "operator": condition.operator}
        return content | ({"values": list(condition.values)} if condition.values else {})
    if isinstance(condition, Group):
        return {condition.connector: [_filter(one) for one in condition.children]}
    raise _beyond(f"no operator of REST says `{condition.text}`")


def _number(select: exp.Select, clause: str) -> int | None:
    node = select.args.get(clause)
    if node is None:
        return None
    if not isinstance(node.expression, exp.Literal) or not node.expression.is_int:
        raise _beyond(f"{clause.upper()} is not a number")
    return int(node.expression.name)


def _beyond(reason: str) -> BadRequest:
    return BadRequest(f"Error: this SQL does not stand for one REST query: {reason}")
