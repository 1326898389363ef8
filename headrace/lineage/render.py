"""Lineage as people and tools read it: a tree of text, JSON, a Mermaid flowchart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal

from headrace.config import Settings
from headrace.errors import ProjectError
from headrace.lineage.build import build_graph
from headrace.lineage.graph import Edge, Graph, Node, walk

Form = Literal["text", "json", "mermaid"]
Direction = Literal["up", "down"]


def lineage(
    settings: Settings, name: str, *, direction: Direction | None = None, form: Form = "text", indirect: bool = False
) -> str:
    """The lineage of a member (`consent.consent_rate`) or column (`raw.consent__events.rate`).

    `up` goes back to what it is made of, `down` forward to what is made of it; by default members go up, columns down.
    `indirect` adds columns that only decide which rows there are. Raises ProjectError where no node has that name.
    """
    graph = build_graph(settings)
    nodes = graph.matching(name)
    if not nodes:
        raise ProjectError(
            f"no member and no column is named {name}; say cube.member, view.member or layer.table.column"
        )
    trees = [(node, _edges(graph, node, direction, indirect)) for node in nodes]
    return RENDERERS[form](graph, trees)


Tree = tuple[Node, list[tuple[int, Edge, bool]]]


def _edges(graph: Graph, node: Node, direction: Direction | None, indirect: bool) -> list[tuple[int, Edge, bool]]:
    forward = direction == "down" if direction else node.kind == "column"
    return [(depth, edge, forward) for depth, edge in walk(graph, node.name, forward=forward, indirect=indirect)]


def render_text(graph: Graph, trees: list[Tree]) -> str:
    """An indented tree; `<-` is made of, `->` makes, `~` only decides which rows there are."""
    lines = []
    for node, edges in trees:
        lines.append(node.label)
        for depth, edge, forward in edges:
            arrow = ("->" if forward else "<-") if not edge.is_indirect else ("~>" if forward else "<~")
            lines.append(f"{'   ' * depth}{arrow} {_label(graph, edge.target if forward else edge.source)}")
    return "\n".join(lines)


def render_json(graph: Graph, trees: list[Tree]) -> str:
    """Nodes and edges."""
    edges = sorted({edge for _, tree in trees for _, edge, _ in tree})
    names = sorted({node.name for node, _ in trees} | {name for edge in edges for name in (edge.source, edge.target)})
    content = {
        "nodes": [
            {"name": name, "kind": graph.nodes[name].kind if name in graph.nodes else "missing"} for name in names
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, "kind": "indirect" if edge.is_indirect else "direct"}
            for edge in edges
        ],
    }
    return json.dumps(content, indent=2)


def render_mermaid(_graph: Graph, trees: list[Tree]) -> str:
    """A flowchart from left (raw) to right (measures), one box a table, cube or view."""
    edges = sorted({edge for _, tree in trees for _, edge, _ in tree})
    names = sorted({node.name for node, _ in trees} | {name for edge in edges for name in (edge.source, edge.target)})
    ids: Mapping[str, str] = {name: f"n{place}" for place, name in enumerate(names)}
    owners = sorted({name.rpartition(".")[0] for name in names})
    lines = ["flowchart LR"]
    for place, owner in enumerate(owners):
        lines.append(f'  subgraph s{place}["{owner}"]')
        lines += [f'    {ids[name]}["{name.rpartition(".")[2]}"]' for name in names if name.rpartition(".")[0] == owner]
        lines.append("  end")
    lines += [f"  {ids[edge.source]} {'-.->' if edge.is_indirect else '-->'} {ids[edge.target]}" for edge in edges]
    return "\n".join(lines)


def _label(graph: Graph, name: str) -> str:
    return graph.nodes[name].label if name in graph.nodes else f"{name} (missing)"


RENDERERS: Mapping[Form, Callable[[Graph, list[Tree]], str]] = {
    "text": render_text,
    "json": render_json,
    "mermaid": render_mermaid,
}
