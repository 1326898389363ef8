"""Lineage: of single queries, of the graph, and of this project from raw columns to measures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify

import headrace.lineage.render
from headrace.config import Settings, load_settings
from headrace.errors import ProjectError
from headrace.lineage import Graph, build_graph, lineage
from headrace.lineage.columns import query_lineage
from headrace.lineage.graph import Edge, Node, walk
from headrace.lineage.stored import graph_from, graph_text

ROOT = Path(__file__).parents[2]
SCHEMA = {
    "raw": {
        "sales": {
            "sale_id": "STRING",
            "price": "FLOAT64",
            "tax": "FLOAT64",
            "shop_id": "STRING",
            "sold_at": "TIMESTAMP",
        },
        "shops": {"shop_id": "STRING", "name": "STRING", "tags": "ARRAY<STRING>"},
    }
}


def traced(sql: str) -> tuple[dict[str, set[str]], set[str]]:
    query: exp.Expr = qualify(parse_one(sql, dialect="bigquery"), schema=SCHEMA, dialect="bigquery")
    found = query_lineage(query)
    direct = {name: {".".join(source) for source in sources} for name, sources in found.outputs.items()}
    return direct, {".".join(source) for source in found.indirect}


@pytest.mark.parametrize(
    ("sql", "direct", "indirect"),
    [
        ("SELECT price + tax AS total FROM raw.sales", {"total": {"raw.sales.price", "raw.sales.tax"}}, set()),
        (
            "SELECT SUM(price) AS total FROM raw.sales WHERE tax > 0 GROUP BY shop_id",
            {"total": {"raw.sales.price"}},
            {"raw.sales.tax", "raw.sales.shop_id"},
        ),
        (
            "WITH sold AS (SELECT *, price * 2 AS dear FROM raw.sales) SELECT dear, name FROM sold "
            "JOIN raw.shops USING (shop_id)",
            {"dear": {"raw.sales.price"}, "name": {"raw.shops.name"}},
            {"raw.sales.shop_id", "raw.shops.shop_id"},
        ),
        (
            "SELECT sale_id AS id FROM raw.sales UNION ALL SELECT shop_id FROM raw.shops",
            {"id": {"raw.sales.sale_id", "raw.shops.shop_id"}},
            set(),
        ),
        (
            "SELECT (SELECT MAX(price) FROM raw.sales) AS highest, 1 AS one FROM raw.shops",
            {"highest": {"raw.sales.price"}, "one": set()},
            set(),
        ),
        (
            "SELECT ROW_NUMBER() OVER (PARTITION BY shop_id ORDER BY sold_at) AS place FROM raw.sales",
            {"place": {"raw.sales.shop_id", "raw.sales.sold_at"}},
            set(),
        ),
        (
            "SELECT total FROM (SELECT shop_id, SUM(price) AS total FROM raw.sales GROUP BY 1) WHERE shop_id = 'a'",
            {"total": {"raw.sales.price"}},
            {"raw.sales.shop_id"},
        ),
    ],
)
def test_columns_of_a_query(sql: str, direct: dict[str, set[str]], indirect: set[str]) -> None:
    found, deciding = traced(sql)
    assert found == direct
    assert deciding == indirect


def graph() -> Graph:
    nodes = [
        Node("raw.sales.price"),
        Node("raw.sales.kind"),
        Node("core.sales.price"),
        Node("sales.revenue", "measure"),
        Node("shop.revenue", "measure", is_view=True),
        Node("sales.hidden", "measure", is_public=False),
    ]
    edges = [
        Edge("raw.sales.price", "core.sales.price"),
        Edge("raw.sales.kind", "core.sales.price", is_indirect=True),
        Edge("core.sales.price", "sales.revenue"),
        Edge("core.sales.price", "sales.hidden"),
        Edge("sales.revenue", "shop.revenue"),
    ]
    return Graph({node.name: node for node in nodes}, frozenset(edges))


def test_a_graph_is_walked_both_ways() -> None:
    assert [edge.source for _, edge in walk(graph(), "shop.revenue", forward=False)] == [
        "sales.revenue",
        "core.sales.price",
        "raw.sales.price",
    ]
    assert [(depth, edge.target) for depth, edge in walk(graph(), "raw.sales.kind", forward=True)] == []
    assert graph().measures_reached(["raw.sales.kind"]) == ("shop.revenue",)
    assert graph().reached(["raw.sales.price"])[0].name == "core.sales.price"


def test_a_graph_survives_being_stored() -> None:
    assert graph_from(graph_text(graph())) == graph()


def test_names_may_be_short() -> None:
    assert [node.name for node in graph().matching("sales.price")] == ["core.sales.price", "raw.sales.price"]
    assert [node.name for node in graph().matching("raw.sales")] == ["raw.sales.kind", "raw.sales.price"]
    assert graph().matching("nothing") == ()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(ROOT, {"HEADRACE_DATA": str(tmp_path_factory.mktemp("data"))})


@pytest.fixture(scope="module")
def whole(settings: Settings) -> Graph:
    """The graph of this project."""
    return build_graph(settings)


@pytest.fixture
def built(whole: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headrace.lineage.render, "build_graph", lambda _settings: whole)


def test_every_measure_of_this_project_leads_back_to_raw_columns(whole: Graph) -> None:
    shown = [node for node in whole.nodes.values() if node.kind == "measure" and node.is_view]
    assert shown
    for node in shown:
        sources = [edge.source for _, edge in walk(whole, node.name, forward=False, indirect=True)]
        assert any(source.startswith(("raw.", "contracts.results.")) for source in sources), node.name
    missing = {edge.source for edge in whole.edges if edge.source not in whole.nodes}
    assert missing == set()


@pytest.mark.usefixtures("built")
def test_the_consent_rate_comes_from_rate_and_count(settings: Settings) -> None:
    text = lineage(settings, "consent.consent_rate")
    assert text.startswith("consent.consent_rate (view measure)\n   <- ")
    assert "<- raw.consent__events.rate" in text
    assert "<- raw.consent__events.count" in text


@pytest.mark.usefixtures("built")
def test_a_raw_column_leads_to_measures(settings: Settings) -> None:
    assert "-> consent.consent_rate (view measure)" in lineage(settings, "raw.consent__events.rate")
    content = json.loads(lineage(settings, "raw.consent__events.rate", form="json"))
    assert {"name": "consent.consent_rate", "kind": "measure"} in content["nodes"]
    assert {"source", "target", "kind"} == set(content["edges"][0])


@pytest.mark.usefixtures("built")
def test_mermaid_draws_boxes_and_arrows(settings: Settings) -> None:
    lines = lineage(settings, "consent.consent_rate", form="mermaid", direction="up").splitlines()
    assert lines[0] == "flowchart LR"
    assert sum(line.startswith("  subgraph") for line in lines) == lines.count("  end")
    assert any("-->" in line for line in lines)


@pytest.mark.usefixtures("built")
def test_an_unknown_name_is_refused(settings: Settings) -> None:
    with pytest.raises(ProjectError, match=r"no member and no column is named consent\.nothing"):
        lineage(settings, "consent.nothing")
