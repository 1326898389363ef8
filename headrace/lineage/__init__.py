"""Lineage: from measures back to raw columns, and forward from a raw column to measures."""

from headrace.lineage.build import build_graph
from headrace.lineage.graph import Graph
from headrace.lineage.render import lineage

__all__ = ["Graph", "build_graph", "lineage"]
