"""Join trees: roots, shortest paths, hints, and whose rows are multiplied."""

from __future__ import annotations

import pytest

from semantic.datamodel.load import load_sources
from semantic.errors import PlanError
from semantic.plan.joins import JoinGraph


def graph(*edges: tuple[str, str, str]) -> JoinGraph:
    """A graph of cubes without members, from (source, relationship, target)."""
    names = sorted({name for source, _, target in edges for name in (source, target)})
    lines = ["cubes:"]
    for name in names:
        lines += [f"  - name: {name}", f"    sql_table: {name}"]
        joins = [(kind, target) for source, kind, target in edges if source == name]
        lines += ["    joins:"] if joins else []
        lines += [
            f"      - {{ name: {target}, relationship: {kind}, sql: '{{CUBE}}.k = {{{target}}}.k' }}"
            for kind, target in joins
        ]
    return JoinGraph(load_sources({"a.yml": "\n".join(lines)}))


MANY, ONE = "one_to_many", "many_to_one"


def test_the_first_of_the_smallest_trees_wins() -> None:
    both = graph(("orders", ONE, "customers"), ("customers", MANY, "orders"))
    assert both.tree([("orders",), ("customers",)]).root == "orders"
    assert both.tree([("customers",), ("orders",)]).root == "customers"


def test_only_a_root_that_reaches_all_is_one() -> None:
    tree = graph(("items", ONE, "orders"), ("orders", ONE, "customers")).tree([("customers",), ("items",)])
    assert tree.root == "items"
    assert tree.cubes == ("items", "orders", "customers")
    assert tree.multiplied == {"orders", "customers"}


def test_both_sides_of_a_chasm_are_multiplied() -> None:
    chasm = graph(("customers", MANY, "orders"), ("customers", MANY, "calls"))
    assert chasm.tree([("orders",), ("calls",), ("customers",)]).multiplied == {"customers", "orders", "calls"}


def test_a_diamond_is_ambiguous_until_a_path_says_which() -> None:
    diamond = graph(("a", ONE, "b"), ("a", ONE, "c"), ("b", ONE, "d"), ("c", ONE, "d"))
    with pytest.raises(PlanError, match="Ambiguous join path from 'a' to 'd'") as caught:
        diamond.tree([("a",), ("d",)])
    assert caught.value.code == "ambiguous_join_path"
    assert diamond.tree([("a",), ("a", "c", "d")]).cubes == ("a", "c", "d")


def test_one_cube_reached_over_two_paths_is_refused() -> None:
    two = graph(("a", ONE, "b"), ("a", ONE, "c"), ("b", ONE, "d"), ("c", ONE, "d"))
    with pytest.raises(PlanError, match="'d' is reached over 'b' and over 'c'"):
        two.tree([("a", "b", "d"), ("a", "c", "d")])


def test_cubes_without_a_path_are_refused() -> None:
    with pytest.raises(PlanError, match="Can't find join path to join 'a', 'z'"):
        graph(("a", ONE, "b"), ("z", ONE, "b")).tree([("a",), ("z",)])
