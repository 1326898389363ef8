"""The lineage graph as JSON, to hand it from one process to another: `python -m headrace.lineage.stored` prints it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from headrace.config import load_settings
from headrace.lineage.build import build_graph
from headrace.lineage.graph import Edge, Graph, Node


def graph_text(graph: Graph) -> str:
    """The graph as JSON."""
    nodes = [[node.name, node.kind, node.is_view, node.is_public] for node in sorted(graph.nodes.values())]
    edges = [[edge.source, edge.target, edge.is_indirect] for edge in sorted(graph.edges)]
    return json.dumps({"nodes": nodes, "edges": edges})


def graph_from(text: str) -> Graph:
    """The graph of a JSON text."""
    content = json.loads(text)
    nodes = [Node(*node) for node in content["nodes"]]
    return Graph({node.name: node for node in nodes}, frozenset(Edge(*edge) for edge in content["edges"]))


if __name__ == "__main__":
    sys.stdout.write(graph_text(build_graph(load_settings(Path.cwd()))))
