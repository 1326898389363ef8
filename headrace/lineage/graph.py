"""The lineage graph: columns (`core.events.rate`) and members (`consent.consent_rate`), and what each is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Kind = Literal["column", "dimension", "measure", "segment"]


@dataclass(frozen=True, order=True)
class Node:
    """A column of a table, or a member of a cube or view."""

    name: str
    kind: Kind = "column"
    is_view: bool = False
    is_public: bool = True

    @property
    def owner(self) -> str:
        """The table, cube or view."""
        return self.name.rpartition(".")[0]

    @property
    def label(self) -> str:
        """The name and what it is, for people."""
        return self.name if self.kind == "column" else f"{self.name} ({'view ' if self.is_view else ''}{self.kind})"


@dataclass(frozen=True, order=True)
class Edge:
    """`target` is made of `source`; indirect when it only decides which rows there are (a filter, join or order)."""

    source: str
    target: str
    is_indirect: bool = False


@dataclass(frozen=True)
class Graph:
    """Nodes by name, and the edges between them."""

    nodes: Mapping[str, Node]
    edges: frozenset[Edge] = field(default_factory=frozenset)

    def __or__(self, other: Graph) -> Graph:
        return Graph({**self.nodes, **other.nodes}, self.edges | other.edges)

    @cached_property
    def _sources(self) -> Mapping[str, tuple[Edge, ...]]:
        return _grouped(self.edges, lambda edge: edge.target)

    @cached_property
    def _targets(self) -> Mapping[str, tuple[Edge, ...]]:
        return _grouped(self.edges, lambda edge: edge.source)

    def sources(self, name: str, *, indirect: bool = False) -> tuple[Edge, ...]:
        """What a node is made of."""
        return tuple(edge for edge in self._sources.get(name, ()) if indirect or not edge.is_indirect)

    def targets(self, name: str, *, indirect: bool = False) -> tuple[Edge, ...]:
        """What is made of a node."""
        return tuple(edge for edge in self._targets.get(name, ()) if indirect or not edge.is_indirect)

    def reached(self, names: Iterable[str]) -> tuple[Node, ...]:
        """Everything made of the nodes, however far, themselves left out; ordered by kind and name.

        A table that filters or joins by one of the nodes is reached with all its columns; beyond it, only values count.
        """
        start = set(names)
        seen, pending = set(start), list(start)
        while pending:
            name = pending.pop()
            for edge in self.targets(name, indirect=name in start):
                if edge.target not in seen:
                    seen.add(edge.target)
                    pending.append(edge.target)
        return tuple(sorted((self.nodes[name] for name in seen - start if name in self.nodes), key=_order))

    def measures_reached(self, names: Iterable[str]) -> tuple[str, ...]:
        """The public measures of views (of cubes, where no view shows them) that the nodes reach."""
        measures = [node for node in self.reached(names) if node.kind == "measure"]
        shown = [node for node in measures if node.is_view and node.is_public] or measures
        return tuple(node.name for node in shown)

    def matching(self, name: str) -> tuple[Node, ...]:
        """The node of that name, else those that end in it, else all of the table, cube or view of that name."""
        if name in self.nodes:
            return (self.nodes[name],)
        ending = [node for node in self.nodes.values() if node.name.endswith(f".{name}")]
        return tuple(sorted(ending or [node for node in self.nodes.values() if node.owner == name]))


def _order(node: Node) -> tuple[bool, str, str]:
    return (node.kind != "column", node.kind, node.name)


def _grouped(edges: Iterable[Edge], by: Callable[[Edge], str]) -> Mapping[str, tuple[Edge, ...]]:
    groups: dict[str, list[Edge]] = {}
    for edge in sorted(edges):
        groups.setdefault(by(edge), []).append(edge)
    return {name: tuple(group) for name, group in groups.items()}


def walk(graph: Graph, name: str, *, forward: bool, indirect: bool = False) -> Iterator[tuple[int, Edge]]:
    """The tree of edges from a node, depth first, with the depth of each; a node's own edges are told once."""
    seen: set[str] = set()

    def visit(at: str, depth: int) -> Iterator[tuple[int, Edge]]:
        if at in seen:
            return
        seen.add(at)
        for edge in graph.targets(at, indirect=indirect) if forward else graph.sources(at, indirect=indirect):
            yield depth, edge
            yield from visit(edge.target if forward else edge.source, depth + 1)

    yield from visit(name, 1)
