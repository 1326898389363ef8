"""Random data models, with their data, for the oracle and as Cube YAML, and random queries over them."""

# ruff: noqa: DTZ001 - the tables hold naive UTC times
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import yaml
from hypothesis import strategies as st

from tests.semantic.oracle.naive import Cube, Join, Measure, Model, Record, SubQuery, column

COLUMNS = {
    "id": "INTEGER",
    "parent_id": "INTEGER",
    "word": "VARCHAR",
    "amount": "INTEGER",
    "flag": "BOOLEAN",
    "seen_at": "TIMESTAMP",
}
WORDS = ("a", "b", "A", "")
MOMENTS = tuple(
    datetime(2024, 3, 30, 20) + timedelta(minutes=minutes) for minutes in (0, 239, 240, 299, 300, 1_440, 60_000)
) + tuple(datetime(2024, 10, 27, hour, 30) for hour in (0, 1))
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
GRANULARITIES = ("hour", "day", "week", "month", "quarter", "year")

# How a cube hangs on its parent: the parent declares the join, this side or that side holds the key.
SHAPES = ("many_to_one", "one_to_many", "one_to_one")


@dataclass(frozen=True)
class Node:
    """A cube of a random model: `parent` is the index of the cube that declares the join to it, None for the first."""

    name: str
    parent: int | None
    shape: str
    rows: tuple[Record, ...]


@dataclass(frozen=True)
class Tree:
    """A random model: every cube is joined from exactly one other, so each path is the only one."""

    nodes: tuple[Node, ...]

    def below(self, index: int) -> list[int]:
        """The cubes that the cube reaches, itself first."""
        found = [index]
        for number, node in enumerate(self.nodes):
            if node.parent in found and number not in found:
                found.append(number)
        return found


@st.composite
def trees(draw: st.DrawFn, most: int = 5) -> Tree:
    """Stars, snowflakes, chains, fan-outs and chasms of one to `most` cubes."""
    count = draw(st.integers(1, most))
    nodes = []
    for number in range(count):
        parent = draw(st.integers(0, number - 1)) if number else None
        nodes.append(Node(f"c{number}", parent, draw(st.sampled_from(SHAPES)), draw(_rows())))
    return Tree(tuple(_one_to_one(node) for node in nodes))


@st.composite
def _rows(draw: st.DrawFn) -> tuple[Record, ...]:
    row = st.fixed_dictionaries(
        {
            "parent_id": st.none() | st.integers(1, 7),
            "word": st.none() | st.sampled_from(WORDS),
            "amount": st.none() | st.integers(-3, 9),
            "flag": st.none() | st.booleans(),
            "seen_at": st.none() | st.sampled_from(MOMENTS),
        }
    )
    least = 0 if draw(st.integers(0, 7)) == 7 else 2
    rows = draw(st.lists(row, min_size=least, max_size=7))
    return tuple({"id": number, **values} for number, values in enumerate(rows, start=1))


def _one_to_one(node: Node) -> Node:
    """A one-to-one join promises that no key comes twice: keep the promise."""
    if node.shape != "one_to_one":
        return node
    rows = tuple({**row, "parent_id": row["id"]} for row in node.rows)
    return Node(node.name, node.parent, node.shape, rows)


def _keys(shape: str) -> tuple[str, str]:
    """Columns of the parent and of the child that must be equal."""
    return ("parent_id", "id") if shape == "many_to_one" else ("id", "parent_id")


def as_oracle(tree: Tree, *, stocks: bool = False) -> Model:
    """The model for the oracle, with measures that do not add up over time where `stocks` says so."""
    return {node.name: _cube(tree, number, stocks=stocks) for number, node in enumerate(tree.nodes)}


def _stocks(name: str) -> dict[str, Measure]:
    amount, at, word = column(name, "amount"), f"{name}.seen_at", f"{name}.word"
    return {
        "stock": Measure("sum", amount, moment=at),
        "first_count": Measure("count", moment=at, choice=min),
        "stock_by_word": Measure("sum", amount, moment=at, apart=(word,)),
        "flagged_stock": Measure("sum", amount, where=column(name, "flag"), moment=at, apart=(word, f"{name}.flag")),
        "stock_words": Measure("count_distinct", column(name, "word"), moment=at),
        "first_mean": Measure("avg", amount, moment=at, choice=min),
        "last_most": Measure("max", amount, moment=at),
        "stock_share": _share(f"{name}.stock", f"{name}.count"),
    }


def _stocks_yaml(name: str) -> list[dict[str, Any]]:
    def over(choice: str, *groupings: str) -> dict[str, Any]:
        said = {"name": "seen_at", "window_choice": choice}
        return {"non_additive_dimension": {**said, "window_groupings": list(groupings)} if groupings else said}

    flagged = [{"sql": "{CUBE}.flag"}]
    return [
        {"name": "stock", "type": "sum", "sql": "amount", "meta": over("max")},
        {"name": "first_count", "type": "count", "meta": over("min")},
        {"name": "stock_by_word", "type": "sum", "sql": "{amount}", "meta": over("max", "word")},
        {"name": "flagged_stock", "type": "sum", "sql": "amount", "filters": flagged,
         "meta": over("max", "word", f"{name}.flag")},
        {"name": "stock_words", "type": "count_distinct", "sql": "word", "meta": over("max")},
        {"name": "first_mean", "type": "avg", "sql": "amount", "meta": over("min")},
        {"name": "last_most", "type": "max", "sql": "amount", "meta": over("max")},
        {"name": "stock_share", "type": "number", "sql": "1.0 * {stock} / NULLIF({count}, 0)"},
    ]  # fmt: skip


def _cube(tree: Tree, number: int, *, stocks: bool = False) -> Cube:
    node = tree.nodes[number]
    joins = tuple(_join(child) for child in tree.nodes if child.parent == number)
    name = node.name
    dimensions: dict[str, Any] = {c: column(name, c) for c in ("id", "word", "amount", "flag", "seen_at")}
    dimensions["size"] = _size(name)
    measures = {
        "count": Measure("count"),
        "total": Measure("sum", column(name, "amount")),
        "mean": Measure("avg", column(name, "amount")),
        "least": Measure("min", column(name, "amount")),
        "most": Measure("max", column(name, "amount")),
        "words": Measure("count_distinct", column(name, "word")),
        "flagged": Measure("count", where=column(name, "flag")),
        "flagged_total": Measure("sum", column(name, "amount"), where=column(name, "flag")),
        "share": _share(f"{name}.flagged", f"{name}.count"),
    }
    for child in (n for n in tree.nodes if n.parent == number):
        dimensions[f"{child.name}_count"] = SubQuery(f"{child.name}.count")
        dimensions[f"{child.name}_total"] = SubQuery(f"{child.name}.total")
        measures[f"{child.name}_per_row"] = _share(f"{child.name}.total", f"{name}.count")
    measures |= _stocks(name) if stocks else {}
    segments = {"only_flagged": column(name, "flag")}
    return Cube(name, node.rows, ("id",), joins, dimensions, measures, segments)


def _join(child: Node) -> Join:
    here, there = _keys(child.shape)
    return Join(child.name, lambda a, b: a[here] is not None and a[here] == b[there])


def _size(name: str) -> Any:
    amount = column(name, "amount")
    return lambda joined: "big" if (amount(joined) or 0) > 4 else "small"


def _share(upper: str, lower: str) -> Measure:
    def of(values: Mapping[str, Any]) -> float | None:
        if values[upper] is None or not values[lower]:
            return None
        return float(values[upper]) / float(values[lower])

    return Measure("number", of=of, needs=(upper, lower))


def as_yaml(tree: Tree, schema: str, *, stocks: bool = False) -> str:
    """The same model for a compiler."""
    cubes = [_cube_yaml(tree, number, schema) for number in range(len(tree.nodes))]
    for cube in cubes:
        cube["measures"] += _stocks_yaml(cube["name"]) if stocks else []
    return yaml.safe_dump({"cubes": cubes})


def _cube_yaml(tree: Tree, number: int, schema: str) -> dict[str, Any]:
    name = tree.nodes[number].name
    children = [node for node in tree.nodes if node.parent == number]
    dimensions: list[dict[str, Any]] = [
        {"name": "id", "sql": "id", "type": "number", "primary_key": True, "public": True},
        {"name": "word", "sql": "{CUBE}.word", "type": "string"},
        {"name": "amount", "sql": "amount", "type": "number"},
        {"name": "flag", "sql": "flag", "type": "boolean"},
        {"name": "seen_at", "sql": "{CUBE}.seen_at", "type": "time"},
        {
            "name": "size",
            "type": "string",
            "case": {"when": [{"sql": "{amount} > 4", "label": "big"}], "else": {"label": "small"}},
        },
    ]
    measures: list[dict[str, Any]] = [
        {"name": "count", "type": "count"},
        {"name": "total", "type": "sum", "sql": "amount"},
        {"name": "mean", "type": "avg", "sql": "{CUBE}.amount"},
        {"name": "least", "type": "min", "sql": "{amount}"},
        {"name": "most", "type": "max", "sql": "amount"},
        {"name": "words", "type": "count_distinct", "sql": "word"},
        {"name": "flagged", "type": "count", "filters": [{"sql": "{CUBE}.flag"}]},
        {"name": "flagged_total", "type": "sum", "sql": "amount", "filters": [{"sql": "{flag}"}]},
        {"name": "share", "type": "number", "sql": "1.0 * {flagged} / NULLIF({count}, 0)"},
    ]
    for child in children:
        dimensions += [
            {"name": f"{child.name}_{what}", "type": "number", "sub_query": True, "sql": f"{{{child.name}.{what}}}"}
            for what in ("count", "total")
        ]
        ratio = f"1.0 * {{{child.name}.total}} / NULLIF({{count}}, 0)"
        measures.append({"name": f"{child.name}_per_row", "type": "number", "sql": ratio})
    cube: dict[str, Any] = {
        "name": name,
        "sql_table": f"{schema}.{name}",
        "dimensions": dimensions,
        "measures": measures,
    }
    cube["segments"] = [{"name": "only_flagged", "sql": "{CUBE}.flag"}]
    if children:
        cube["joins"] = [_join_yaml(child) for child in children]
    return cube


def _join_yaml(child: Node) -> dict[str, Any]:
    here, there = _keys(child.shape)
    return {"name": child.name, "relationship": child.shape, "sql": f"{{CUBE}}.{here} = {{{child.name}}}.{there}"}


def write(connection: duckdb.DuckDBPyConnection, tree: Tree, schema: str) -> None:
    """The model's tables, in place of those of the model before."""
    connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    for node in tree.nodes:
        columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
        connection.execute(f"CREATE TABLE {schema}.{node.name} ({columns})")
        if node.rows:
            connection.execute(f"INSERT INTO {schema}.{node.name} VALUES {_values(node.rows)}")


def _values(rows: Sequence[Record]) -> str:
    return ", ".join("(" + ", ".join(_literal(row[name]) for name in COLUMNS) + ")" for row in rows)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str | datetime) else str(value)


@st.composite
def queries(draw: st.DrawFn, tree: Tree, *, stocks: bool = False) -> dict[str, Any]:
    """A query that has one root: cubes that one of them reaches. With `stocks` it asks for what real Cube has not."""
    root = draw(st.integers(0, len(tree.nodes) - 1))
    cubes = [root, *draw(st.lists(st.sampled_from(tree.below(root)), max_size=3))]
    model = as_oracle(tree, stocks=stocks)
    anchor = f"{tree.nodes[root].name}."
    measures = [draw(_one(model, tree, cube, "measures")) for cube in cubes if draw(st.booleans())]
    dimensions = [draw(_one(model, tree, cube, "dimensions")) for cube in cubes if draw(st.booleans())]
    # The root must be named, or else another cube would be it.
    measures = [*measures, f"{anchor}count"] if draw(st.booleans()) else measures
    dimensions = dimensions if measures else [*dimensions, f"{anchor}word"]
    if not any(path.startswith(anchor) for path in dimensions) and f"{anchor}count" not in measures:
        measures = [*measures, f"{anchor}count"]
    query: dict[str, Any] = {"measures": _unique(measures), "dimensions": _unique(dimensions)}
    query["timezone"] = draw(st.sampled_from(ZONES))
    if draw(st.booleans()):
        time = draw(_time(f"{tree.nodes[draw(st.sampled_from(cubes))].name}.seen_at"))
        if stocks and "dateRange" in time:
            time["fillMissingDates"] = draw(st.booleans())
        query["timeDimensions"] = [time]
    query["filters"] = draw(st.lists(_filter(tree, cubes), max_size=2))
    if measures and draw(st.integers(0, 3)) == 0:
        query["filters"].append(draw(_condition(draw(st.sampled_from(measures)), "number")))
    if draw(st.integers(0, 3)) == 0:
        query["segments"] = [f"{tree.nodes[draw(st.sampled_from(cubes))].name}.only_flagged"]
    return query


def _unique(members: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(members))


def _one(model: Model, tree: Tree, cube: int, kind: str) -> st.SearchStrategy[str]:
    name = tree.nodes[cube].name
    names = getattr(model[name], kind)
    return st.sampled_from([f"{name}.{member}" for member in names if member != "seen_at"])


@st.composite
def _time(draw: st.DrawFn, dimension: str) -> dict[str, Any]:
    part: dict[str, Any] = {"dimension": dimension, "granularity": draw(st.sampled_from(GRANULARITIES))}
    if draw(st.booleans()):
        part["dateRange"] = draw(st.sampled_from([["2024-03-31", "2024-03-31"], ["2024-03-31T04:00:00", "2024-04-30"]]))
    return part


_OPERATORS: Mapping[str, Sequence[str]] = {
    "word": ("equals", "notEquals", "contains", "notContains", "startsWith", "notEndsWith", "set", "notSet"),
    "number": ("equals", "notEquals", "gt", "gte", "lt", "lte", "set", "notSet"),
    "flag": ("equals", "set", "notSet"),
    "seen_at": (
        "inDateRange",
        "notInDateRange",
        "beforeDate",
        "beforeOrOnDate",
        "afterDate",
        "afterOrOnDate",
        "notSet",
    ),
}
_VALUES: Mapping[str, Sequence[str]] = {
    "word": ("a", "b", "", "zz"),
    "number": ("0", "1", "4", "-2", "2.5"),
    "flag": ("true", "false"),
    "seen_at": ("2024-03-31", "2024-03-30T23:59:00.000", "2024-05-11"),
}


def _filter(tree: Tree, cubes: Sequence[int]) -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.sampled_from(cubes).flatmap(
        lambda cube: st.sampled_from(["word", "amount", "flag", "seen_at", "id"]).flatmap(
            lambda name: _condition(f"{tree.nodes[cube].name}.{name}", "number" if name in ("amount", "id") else name)
        )
    )
    group = st.sampled_from(["and", "or"]).flatmap(
        lambda connector: st.lists(leaf, min_size=1, max_size=3).map(lambda parts: {connector: parts})
    )
    return leaf | group


@st.composite
def _condition(draw: st.DrawFn, member: str, kind: str) -> dict[str, Any]:
    operator = draw(st.sampled_from(_OPERATORS[kind]))
    node: dict[str, Any] = {"member": member, "operator": operator}
    if operator in ("set", "notSet"):
        return node
    if operator.endswith("DateRange"):
        return node | {"values": ["2024-03-31", "2024-03-31"]}
    values: list[str | None] = [draw(st.sampled_from(_VALUES[kind]))]
    if operator in ("equals", "notEquals") and kind != "flag":
        values += draw(st.lists(st.none() | st.sampled_from(_VALUES[kind]), max_size=1))
    return node | {"values": values}


def shown(tree: Tree) -> Iterator[str]:
    """The model in lines, for a failing example."""
    for node in tree.nodes:
        parent = tree.nodes[node.parent].name if node.parent is not None else "-"
        yield f"{parent} -{node.shape}-> {node.name}"
        yield from (f"    {dict(row)}" for row in node.rows)
