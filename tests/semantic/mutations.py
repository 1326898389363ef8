"""Good data models and good queries, made bad on purpose by a seeded dice."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]
Tree = Any

SHOP = {
    "shop.yml": """\
cubes:
  - name: buyers
    sql_table: shop.buyers
    joins:
      - { name: sales, relationship: one_to_many, sql: "{CUBE}.id = {sales}.buyer_id" }
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: city, sql: "{CUBE}.city", type: string, title: Town, meta: { a: [1, 2] } }
      - { name: sales_count, sql: "{sales.count}", type: number, sub_query: true }
      - name: rank
        type: string
        case: { when: [{ sql: "{CUBE}.credit > 5", label: high }], else: { label: low } }
    measures:
      - { name: count, type: count, drill_members: [id, city] }
      - { name: credit, sql: credit, type: sum, format: currency }
      - { name: rich, type: count, filters: [{ sql: "{CUBE}.credit > 10" }] }
      - { name: rich_share, sql: "1.0 * {rich} / NULLIF({count}, 0)", type: number, format: percent }
    segments:
      - { name: local, sql: "{CUBE}.city = 'Ulm'" }
    hierarchies:
      - { name: place, levels: [city, rank] }

  - name: sales
    sql: "SELECT * FROM shop.sales"
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - name: sold_at
        sql: sold_at
        type: time
        granularities:
          - { name: fiscal, interval: 1 year, offset: 3 months }
          - { name: pair, interval: 2 weeks, origin: "2024-01-01" }
    measures:
      - { name: count, type: count }
      - { name: amount, sql: amount, type: sum }
      - { name: month, sql: amount, type: sum, rolling_window: { trailing: 1 month, offset: end } }
    pre_aggregations:
      - { name: monthly, measures: [amount], time_dimension: sold_at, granularity: month, partition_granularity: year }
""",
    "view.yml": """\
views:
  - name: trade
    description: Sales with their buyers
    cubes:
      - { join_path: buyers, includes: [city, count, { name: credit, alias: worth }] }
      - { join_path: buyers.sales, prefix: true, includes: "*", excludes: [id] }
    folders:
      - { name: All, includes: [city, sales_amount] }
    access_policy:
      - { group: "*", member_level: { includes: "*" }, row_level: { filters: [{ member: city, operator: set }] } }
""",
}

JUNK: Sequence[Any] = (
    *(None, True, False, 0, -1, 3.5, 10**30, "", " ", "nope", "{", "}", "{nope}", "{CUBE.nope}", "{buyers.nope}"),
    *(
        "{CUBE}.",
        "1; DROP TABLE x",
        "'",
        '"',
        "\x00",
        "é\u202e",
        [],
        {},
        [[]],
        [None],
        {"a": 1},
        {"sql": 1},
        ["x", "x"],
    ),
    *("sum", "count", "many_to_one", "1 month", "unbounded", "*", "string", "buyers", "trade", "orders.id", "SELECT"),
)


def paths(tree: Tree, here: Path = ()) -> Iterator[Path]:
    """Every place in a tree of mappings and lists, the root left out."""
    children: Sequence[tuple[str | int, Tree]] = ()
    if isinstance(tree, Mapping):
        children = list(tree.items())
    elif isinstance(tree, list):
        children = list(enumerate(tree))
    for key, child in children:
        yield (*here, key)
        yield from paths(child, (*here, key))


def parent(tree: Tree, path: Path) -> Tree:
    for key in path[:-1]:
        tree = tree[key]
    return tree


def _replace(dice: random.Random, tree: Tree, path: Path) -> None:
    parent(tree, path)[path[-1]] = copy.deepcopy(dice.choice(JUNK))


def _remove(_: random.Random, tree: Tree, path: Path) -> None:
    del parent(tree, path)[path[-1]]


def _rename(dice: random.Random, tree: Tree, path: Path) -> None:
    holder = parent(tree, path)
    if isinstance(holder, dict):
        holder[dice.choice(["nope", "Sql", "sqlTable", "public", "name", "type", "filters"])] = holder.pop(path[-1])


def _twice(_: random.Random, tree: Tree, path: Path) -> None:
    holder = parent(tree, path)
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[path[-1]]))


def _nest(dice: random.Random, tree: Tree, path: Path) -> None:
    holder = parent(tree, path)
    holder[path[-1]] = dice.choice([[holder[path[-1]]], {"name": holder[path[-1]]}])


def _swap(dice: random.Random, tree: Tree, path: Path) -> None:
    holder = parent(tree, path)
    other = dice.choice(list(paths(tree)))
    holder[path[-1]] = copy.deepcopy(parent(tree, other)[other[-1]])


_MUTATORS: Sequence[Callable[[random.Random, Tree, Path], None]] = (_replace, _remove, _rename, _twice, _nest, _swap)


def mutated(dice: random.Random, tree: Tree, most: int = 2) -> Tree:
    """A copy with one to `most` things broken (now and then a change does no harm)."""
    copied = copy.deepcopy(tree)
    for _ in range(dice.randint(1, most)):
        places = list(paths(copied))
        if places:
            dice.choice(_MUTATORS)(dice, copied, dice.choice(places))
    return copied


def scratched(dice: random.Random, text: str) -> str:
    """Text with a few characters lost, doubled or replaced, or its end cut off."""
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text)) if text else 0
        change = dice.choice(["cut", "drop", "insert", "double"])
        if change == "cut":
            text = text[:at]
        elif change == "drop":
            text = text[:at] + text[at + dice.randint(1, 4) :]
        elif change == "insert":
            text = (
                text[:at]
                + dice.choice(["\t", "{", "}", "[", ":", "- ", "\n", "'", '"', "&a ", "*a ", "!!x ", "%", "\x07"])
                + text[at:]
            )
        else:
            text = text[: at + 20] + text[at:]
    return text
