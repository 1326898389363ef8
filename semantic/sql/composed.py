"""Where a query finds the columns of a pre-aggregation: in one table, in joined ones, or in layers laid together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from semantic.datamodel.types import PreAggregation, RollupTime
from semantic.errors import PlanError
from semantic.plan.build import alias_of
from semantic.plan.composed import Joined, Layer, Source, Stored, United
from semantic.plan.rollups import members_query
from semantic.plan.shape import bind
from semantic.query.types import SqlCondition
from semantic.sql.dialects import column, quoted
from semantic.sql.expressions import conjunction
from semantic.sql.select import SelectBuilder

_TABLE = "rollup"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of members by their full names. `tables` says in which of several tables one is."""

    table: str = _TABLE
    tables: Mapping[str, str] = field(default_factory=dict)

    def member(self, name: str) -> exp.Column:
        return column(alias_of(name), self.tables.get(name, self.table))

    def time(self, time: RollupTime) -> exp.Column:
        return column(time_alias(time.dimension, time.granularity), self.tables.get(time.dimension, self.table))


def read_from(builder: SelectBuilder, select: exp.Select, rollup: PreAggregation, source: Source) -> Columns:
    """Let a select read a pre-aggregation; `rollup` lists the members that the statement needs."""
    if isinstance(source, Stored):
        select.set("from_", exp.From(this=_table(source.table, _TABLE)))
        return Columns()
    if isinstance(source, Joined):
        return _joined(builder, select, source)
    rows = _united(builder, rollup, source)
    select.set("from_", exp.From(this=exp.Subquery(this=rows, alias=exp.TableAlias(this=quoted(_TABLE)))))
    return Columns()


def time_alias(name: str, granularity: str) -> str:
    """The column of a time dimension in a rollup's table."""
    return f"{alias_of(name)}_{granularity}"


def _table(name: str, alias: str) -> exp.Table:
    table = exp.to_table(name)
    for part in ("this", "db", "catalog"):
        if isinstance(table.args.get(part), exp.Identifier):
            table.args[part].set("quoted", True)
    table.set("alias", exp.TableAlias(this=quoted(alias)))
    return table


# rollup_join


def _joined(builder: SelectBuilder, select: exp.Select, source: Joined) -> Columns:
    first = alias_of(source.first.name)
    select.set("from_", exp.From(this=_table(source.first.table, first)))
    for hop in source.hops:
        left, right = alias_of(hop.source), alias_of(hop.target.name)
        matches: list[exp.Expr] = [
            exp.EQ(this=column(alias_of(one), left), expression=column(alias_of(own), right)) for one, own in hop.keys
        ]
        select.append("joins", exp.Join(this=_table(hop.target.table, right), side="LEFT", on=conjunction(matches)))
    tables = {name: alias_of(holder) for name, holder in source.holders.items()}
    segments = {name for name in tables if builder.members.is_segment(name)}
    tables |= {builder.members.segment_column(name): tables[name] for name in segments}
    return Columns(first, tables)


# rollup_lambda


def _union(queries: Sequence[exp.Query]) -> exp.Query:
    rows = queries[0]
    for query in queries[1:]:
        rows = exp.Union(this=rows, expression=query, distinct=False)
    return rows


def _united(builder: SelectBuilder, rollup: PreAggregation, source: United) -> exp.Query:
    last = len(source.layers) - 1
    bounds = [_boundary(builder, source, number) for number in range(last + source.with_source)]
    parts: list[exp.Query] = []
    for number, layer in enumerate(source.layers):
        since = bounds[number - 1] if number > 0 else None
        before = bounds[number] if number < len(bounds) else None
        parts.append(_layer(builder, rollup, source, layer, since, before))
    if source.with_source:
        parts.append(_source_rows(builder, rollup, source, bounds[last]))
    return _union(parts)


def _layer(
    builder: SelectBuilder, rollup: PreAggregation, source: United, layer: Layer, since: str | None, before: str | None
) -> exp.Select:
    """The rows of one layer: from where it takes over, up to where the next one does. Rows without a time are taken
    from the last layer that has rows."""
    own = replace(
        rollup,
        measures=tuple(layer.names[name] for name in rollup.measures),
        dimensions=tuple(layer.names[name] for name in rollup.dimensions),
        segments=tuple(layer.names[name] for name in rollup.segments),
        time_dimensions=tuple(RollupTime(layer.names[t.dimension], t.granularity) for t in rollup.time_dimensions),
    )
    pairs = zip(_aliases(builder, own), _aliases(builder, rollup), strict=True)
    columns = [exp.Alias(this=column(name, "layer"), alias=quoted(alias)) for name, alias in pairs]
    select = exp.Select(expressions=columns)
    select.set("from_", exp.From(this=_table(layer.stored.table, "layer")))
    conditions: list[exp.Expr] = []
    if since is not None:
        # A layer without times never takes over, so that the one before gives everything.
        otherwise = _is_set(since) if not source.with_source else exp.Boolean(this=True)
        conditions.append(_since(_bucket(source, layer), since, otherwise))
    if before is not None:
        earlier: exp.Expr = exp.LT(this=_bucket(source, layer), expression=_bound(before))
        if not source.with_source:
            alone = exp.Is(this=_bound(before), expression=exp.Null())
            earlier = exp.Paren(this=exp.Or(this=alone, expression=earlier))
        conditions.append(earlier)
    if conditions:
        select.set("where", exp.Where(this=conjunction(conditions)))
    return select


def _aliases(builder: SelectBuilder, rollup: PreAggregation) -> list[str]:
    """The columns of a rollup's members in its table."""
    segments = (builder.members.segment_column(name) for name in rollup.segments)
    names = [alias_of(name) for name in (*rollup.measures, *rollup.dimensions, *segments)]
    return names + [time_alias(time.dimension, time.granularity) for time in rollup.time_dimensions]


def _source_rows(builder: SelectBuilder, rollup: PreAggregation, source: United, since: str) -> exp.Select:
    """What the cube itself has since the beginning of the last bucket in the layers: that one may be unfinished."""
    shape, _ = bind(members_query(builder.members, rollup), builder.model)
    for time in (source.time,) if source.time is not None else ():
        cube, _, name = time.dimension.partition(".")
        local = builder.dialect.local_time(column(name, cube), shape.timezone)
        tree = _since(builder.dialect.truncate(local, time.granularity), since, exp.Boolean(this=True))
        shape = replace(shape, filters=(SqlCondition(tree, (time.dimension,), f"since {since}"),))
    rows = builder.beside(shape).select(builder.planner.plan(shape))
    select = exp.Select(expressions=[column(alias, "later") for alias in _aliases(builder, rollup)])
    select.set("from_", exp.From(this=exp.Subquery(this=rows, alias=exp.TableAlias(this=quoted("later")))))
    return select


def _since(bucket: exp.Expr, bound: str, otherwise: exp.Expr) -> exp.Expr:
    """Not before a boundary; `otherwise` decides where there is none, and about rows without a time."""
    return exp.Coalesce(this=exp.GTE(this=bucket, expression=_bound(bound)), expressions=[otherwise])


def _bound(name: str) -> exp.Subquery:
    select = exp.Select(expressions=[column("bucket", name)])
    select.set("from_", exp.From(this=exp.Table(this=quoted(name))))
    return exp.Subquery(this=select)


def _is_set(bound: str) -> exp.Expr:
    return exp.Not(this=exp.Is(this=_bound(bound), expression=exp.Null()))


def _bucket(source: United, layer: Layer) -> exp.Column:
    """The time by which layers are told apart."""
    if source.time is None:
        raise PlanError("nothing tells the layers of a rollup_lambda apart", place=layer.stored.name)
    return column(time_alias(layer.names[source.time.dimension], source.time.granularity), "layer")


def _boundary(builder: SelectBuilder, source: United, number: int) -> str:
    """The common table expression of the bucket from which the layers after one take over: the last one that is in it
    or a layer before, since that may be unfinished; else the first one that they have. NULL while they have none."""
    end = _extreme(source, source.layers[: number + 1], exp.Max)
    value: exp.Expr = end
    if not source.with_source:
        start = _extreme(source, source.layers[number + 1 :], exp.Min)
        overlap = exp.If(this=exp.LTE(this=start, expression=end), true=end.copy())
        value = exp.Case(ifs=[overlap], default=start.copy())
    body = exp.Select(expressions=[exp.Alias(this=value, alias=quoted("bucket"))])
    return builder.statement.add(f"until_{number + 1}", body)


def _extreme(source: United, layers: Sequence[Layer], kind: type[exp.AggFunc]) -> exp.Subquery:
    """The first or last bucket of some layers; NULL when they are empty."""
    found: list[exp.Query] = []
    for layer in layers:
        one = exp.Select(expressions=[exp.Alias(this=kind(this=_bucket(source, layer)), alias=quoted("bucket"))])
        one.set("from_", exp.From(this=_table(layer.stored.table, "layer")))
        found.append(one)
    if len(found) == 1:
        return exp.Subquery(this=found[0])
    outer = exp.Select(expressions=[kind(this=column("bucket", "layers"))])
    outer.set("from_", exp.From(this=exp.Subquery(this=_union(found), alias=exp.TableAlias(this=quoted("layers")))))
    return exp.Subquery(this=outer)
