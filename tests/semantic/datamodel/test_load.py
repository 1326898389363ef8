"""Loading data models: what is understood, and what is said about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from semantic.datamodel.load import load_data_model, load_sources
from semantic.datamodel.types import MemberPath
from semantic.errors import DataModelError

CUBE = """
cubes:
  - name: orders
    sql_table: core.orders
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: created_at, sql: created_at, type: time }
    measures:
      - { name: count, type: count }
"""


def _rules(text: str) -> list[tuple[int, str]]:
    model = load_sources({"a.yml": text}, strict=False)
    return [(problem.line, problem.rule) for problem in model.problems]


def test_a_cube_with_its_titles_and_visibility() -> None:
    orders = load_sources({"a.yml": CUBE}).cubes["orders"]
    assert orders.dimensions["created_at"].title == "Orders Created at"
    assert [key.name for key in orders.primary_key] == ["id"]
    assert not orders.dimensions["id"].public
    assert orders.measures["count"].public


def test_all_problems_are_listed_at_once_with_file_and_line() -> None:
    text = """
cubes:
  - name: orders
    sql_table: core.orders
    colour: red
    dimensions:
      - { name: id, sql: "{nowhere}", type: number, primary_key: true }
      - { name: status, type: strng, sql: status }
    measures:
      - { name: revenue, type: sum }
      - { name: ratio, type: number, sql: "{id} +" }
"""
    with pytest.raises(DataModelError) as caught:
        load_sources({"shop/orders.yml": text})
    found = [(problem.file, problem.line, problem.rule) for problem in caught.value.problems]
    assert found == [
        ("shop/orders.yml", 5, "unknown_property"),
        ("shop/orders.yml", 7, "unknown_reference"),
        ("shop/orders.yml", 8, "choice"),
        ("shop/orders.yml", 10, "required"),
        ("shop/orders.yml", 11, "sql_syntax"),
    ]


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        ("      - { name: total, type: sum, sql: x, sql: y }", "duplicate_key"),
        ("      - { name: count, type: count }", "duplicate_member"),
        ("      - { name: best, type: rank }", "multi_stage_only"),
        ("      - { name: total, type: sum, sql: a, rolling_window: { trailing: soon } }", "interval"),
        ("      - { name: total, type: sum, sql: a, filters: [{ sql: '{count} > 1' }] }", "measure_in_row"),
        ("      - { name: loop, type: number, sql: '{loop} + 1' }", "cycle"),
        ("      - { name: text, type: number, sql: \"'{count}'\" }", "reference_in_string"),
        ("      - { name: two, type: sum, sql: 'a, b' }", "sql_expression"),
        ("      - { name: a-b, type: count }", "name"),
        ("      - { name: total, type: sum, sql: a, description: 'see {count}' }", "braces"),
    ],
)
def test_rules(extra: str, rule: str) -> None:
    assert rule in [found for _, found in _rules(f"{CUBE.rstrip()}\n{extra}\n")]


def test_joined_cubes_need_keys() -> None:
    text = """
cubes:
  - name: a
    sql_table: a
    joins: [{ name: b, relationship: one_to_many, sql: "{CUBE}.id = {b}.a_id" }]
    measures: [{ name: total, type: sum, sql: x }]
  - name: b
    sql_table: b
"""
    assert _rules(text) == [(3, "primary_key")]


def test_a_broken_file_does_not_take_the_others_down() -> None:
    sources = {
        "a.yml": CUBE,
        "b.yml": "cubes:\n  - name: broken\n    sql_tabel: x\n",
        "c.yml": "cubes: [",
        "d.yml": "3",
    }
    model = load_sources(sources, strict=False)
    assert list(model.cubes) == ["orders"]
    assert list(model.broken) == ["broken"]
    assert {problem.file for problem in model.problems} == {"b.yml", "c.yml", "d.yml"}


def test_what_needs_a_broken_cube_is_broken_and_what_joins_it_is_not() -> None:
    text = (
        CUBE
        + """
    joins: [{ name: customers, relationship: many_to_one, sql: "{CUBE}.customer_id = {customers}.id" }]
  - name: customers
    sql_table: core.customers
    dimensions: [{ name: id, sql: "a b c", type: number, primary_key: true }]
views:
  - { name: good, cubes: [{ join_path: orders, includes: [count] }] }
  - { name: bad, cubes: [{ join_path: orders.customers, includes: [id] }] }
"""
    )
    model = load_sources({"a.yml": text}, strict=False)
    assert sorted(model.cubes) == ["good", "orders"]
    assert sorted(model.broken) == ["bad", "customers"]


def test_a_view_takes_members_over_paths() -> None:
    text = (
        CUBE
        + """
    joins: [{ name: customers, relationship: many_to_one, sql: "{CUBE}.customer_id = {customers}.id" }]
  - name: customers
    sql_table: core.customers
    hierarchies: [{ name: place, levels: [country, city] }]
    dimensions:
      - { name: id, sql: id, type: number, primary_key: true }
      - { name: country, sql: country, type: string }
      - { name: city, sql: city, type: string, title: Town }
views:
  - name: sales
    cubes:
      - { join_path: orders, includes: "*", excludes: [id] }
      - { join_path: orders.customers, prefix: true, alias: buyer, includes: [place, { name: id, alias: key }] }
    folders:
      - { name: Where, includes: [buyer_city, { name: Inner, includes: [buyer_country] }] }
"""
    )
    sales = load_sources({"a.yml": text}).cubes["sales"]
    assert sorted(sales.dimensions) == ["buyer_city", "buyer_country", "buyer_key", "created_at"]
    assert sales.dimensions["buyer_key"].alias_of == MemberPath(("orders", "customers"), "id")
    assert sales.dimensions["buyer_city"].title == "Sales Town"
    assert sales.hierarchies[0].levels == ("sales.buyer_country", "sales.buyer_city")
    assert sales.folders[0].members[0] == "sales.buyer_city"


def test_extends_merges_members_by_name() -> None:
    text = (
        CUBE
        + """
  - name: late_orders
    extends: orders
    sql: "SELECT * FROM core.orders WHERE is_late"
    measures:
      - { name: count, type: count_distinct, sql: id }
      - { name: total, type: sum, sql: amount }
"""
    )
    late = load_sources({"a.yml": text}).cubes["late_orders"]
    assert sorted(late.measures) == ["count", "total"]
    assert late.measures["count"].type == "count_distinct"
    assert late.sql_table is None
    assert sorted(late.dimensions) == ["created_at", "id"]


def test_jinja_is_rendered_in_a_sandbox() -> None:
    text = (
        CUBE
        + """
      {% for status in ["new", "paid"] %}
      - { name: {{ status }}_count, type: count, filters: [{ sql: "{CUBE}.status = '{{ status }}'" }] }
      {% endfor %}
"""
    )
    assert sorted(load_sources({"a.yml": text}).cubes["orders"].measures) == ["count", "new_count", "paid_count"]
    assert _rules("cubes: {{ ''.__class__.__mro__ }}") == [(1, "jinja")]
    assert _rules("cubes: {{ missing }}") == [(1, "jinja")]


MACROS = """
{%- macro dimension(column, type='string', primary_key=False) -%}
      - name: {{ column }}
        sql: {{ column }}
        type: {{ type }}
        {% if primary_key -%}
        primary_key: true
        {% endif -%}
{% endmacro -%}
{%- macro cents(column) -%} ({{ column }} / 100) {%- endmacro -%}
"""


def test_jinja_as_people_write_it() -> None:
    """Macros of another file, dictionaries, what may be missing, and texts whose characters mean something to YAML."""
    text = """
{%- import "macros.jinja" as macros -%}
{%- set found = [{"name": "total", "sql": "amount", "title": "a: b 'c' #d"}, {"name": "mean"}] -%}
{%- set windows = {"mau": 30, "wau": 7} %}
cubes:
  - name: {{ "orders" }}
    sql_table: {{ env_var("NOT_SET", "core") }}.orders
    public: {{ true }}
    meta: {{ {"list": ["x", none, true]} }}
    {%- if found[0].nowhere %}
    data_source: nowhere
    {%- endif %}
    dimensions:
      {{ macros.dimension("id", "number", primary_key=True) }}
      {{ macros.dimension("status") }}
    measures:
      {%- for measure in found %}
      - name: {{ measure.name }}
        type: sum
        sql: {{ macros.cents(measure.sql | default("price")) }}
        title: {{ measure.title or "None" }}
      {%- endfor %}
      {%- for name, days in windows | items %}
      - { name: {{ name }}, type: count_distinct, sql: user_id, rolling_window: { trailing: {{ days }} day } }
      {%- endfor %}
"""
    orders = load_sources({"a.yml": text, "macros.jinja": MACROS}).cubes["orders"]
    assert orders.public
    assert orders.meta == {"list": ["x", None, True]}
    assert [(d.name, d.type, d.primary_key) for d in orders.dimensions.values()] == [
        ("id", "number", True),
        ("status", "string", False),
    ]
    assert list(orders.measures) == ["total", "mean", "mau", "wau"]
    assert orders.measures["total"].title == "Orders a: b 'c' #d"
    assert _rules("cubes: {{ load_data() }}") == [(1, "jinja")]
    assert _rules("{% import 'nowhere.jinja' as m %}") == [(1, "jinja")]


def test_a_folder_is_read_with_all_below(tmp_path: Path) -> None:
    (tmp_path / "cubes").mkdir()
    (tmp_path / "cubes" / "orders.yml").write_text(CUBE, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no model", encoding="utf-8")
    assert load_data_model(tmp_path).cubes["orders"].place.file == "cubes/orders.yml"
    with pytest.raises(DataModelError, match="no such folder"):
        load_data_model(tmp_path / "nowhere")


def test_mappings_that_are_merged() -> None:
    model = load_sources(
        {
            "a.yml": """
cubes:
  - &base
    name: a
    sql_table: t
    dimensions:
      - &id { name: id, sql: id, type: number, primary_key: true }
  - <<: *base
    name: b
    dimensions:
      - { <<: *id, type: string }
      - { <<: [{ title: T }, *id], name: other, primary_key: false }
"""
        }
    )
    assert model.cubes["b"].sql_table == "t"
    assert model.cubes["b"].dimensions["id"].type == "string"
    assert model.cubes["b"].dimensions["other"].short_title == "T"


@pytest.mark.parametrize(
    ("mask", "value"), [("\"'***'\"", "***"), ("'\"x\"'", "x"), ('"7"', 7), ("-1.5", -1.5), ('"true"', True)]
)
def test_masks_are_constants(mask: str, value: object) -> None:
    text = CUBE + f"      - {{ name: total, sql: total, type: sum, mask: {mask} }}\n"
    assert load_sources({"a.yml": text}).cubes["orders"].measures["total"].mask == value


@pytest.mark.parametrize("mask", ['"***"', "hidden", '"None"', '"1 + 2"', '"{[]}"', '"[1]"'])
def test_masks_that_are_none(mask: str) -> None:
    assert _rules(CUBE + f"      - {{ name: total, sql: total, type: sum, mask: {mask} }}\n") == [(10, "mask")]


def test_a_view_adds_to_what_it_extends() -> None:
    views = """
views:
  - name: small
    cubes: [{ join_path: orders, includes: [count] }]
    folders: [{ name: Numbers, includes: [count] }]
  - name: large
    extends: small
    cubes: [{ join_path: orders, includes: [created_at] }]
    folders: [{ name: Times, includes: [created_at] }]
"""
    large = load_sources({"a.yml": CUBE, "b.yml": views}).cubes["large"]
    assert [*large.measures, *large.dimensions] == ["count", "created_at"]
    assert [folder.name for folder in large.folders] == ["Numbers", "Times"]


def test_a_policy_is_for_groups_and_no_longer_for_a_role() -> None:
    policy = "    access_policy:\n      - { role: support, row_level: { allow_all: true } }\n"
    rules = {rule for _, rule in _rules(CUBE + "      - { name: total, type: sum, sql: a }\n" + policy)}
    assert rules == {"exactly_one", "unknown_property"}
