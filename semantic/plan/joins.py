"""The join graph: which cubes a query joins, from which root, and whose rows the joins multiply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from semantic.datamodel.types import DataModel, Join
from semantic.errors import PlanError

Hint = tuple[str, ...]
"""Cubes to join, in order along a path; a single cube is a path of one."""


@dataclass(frozen=True, slots=True)
class JoinTree:
    """Joins in the order in which they are made from the root. `multiplied` cubes have their rows repeated."""

    root: str
    joins: tuple[Join, ...]
    multiplied: frozenset[str]
    repeated: bool = False

    @property
    def cubes(self) -> tuple[str, ...]:
        return (self.root, *(join.target for join in self.joins))

    def all_repeated(self) -> JoinTree:
        """The tree with every row several times: beside each of several values of a switch."""
        return replace(self, multiplied=frozenset(self.cubes), repeated=True)


class JoinGraph:
    """The declared joins of a data model. Trees are built once per list of hints."""

    def __init__(self, model: DataModel) -> None:
        self._edges: Mapping[str, Mapping[str, Join]] = {
            cube.name: {join.target: join for join in cube.joins} for cube in model.cubes.values()
        }
        self._trees: dict[tuple[Hint, ...], JoinTree] = {}
        self._paths: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {}

    def tree(self, hints: Sequence[Hint]) -> JoinTree:
        """The smallest tree over all hinted cubes; of equally small ones that of the first hint wins.

        Raises PlanError when the cubes are not joined, or when two paths are equally short and nothing says which.
        """
        key = tuple(dict.fromkeys(hints))
        found = self._trees.get(key)
        if found is None:
            found = self._trees[key] = self._build(key)
        return found

    def rooted(self, root: str, hints: Sequence[Hint]) -> JoinTree:
        """The tree that begins at a given cube. Raises PlanError when a hinted cube cannot be reached from there."""
        joins = self._from_root((root,), [hint for hint in hints if hint != (root,)])
        if joins is None:
            raise _unjoinable(((root,), *hints))
        return _finished(root, joins)

    def pruned(self, tree: JoinTree, cubes: Iterable[str]) -> JoinTree:
        """The tree without the joins that lead to none of the given cubes. A left join that nobody looks at repeats
        rows at most; it never takes any away."""
        needed = {tree.root, *cubes}
        kept: list[Join] = []
        for join in reversed(tree.joins):
            if join.target in needed:
                kept.append(join)
                needed.add(join.source)
                needed.update(mentioned_cubes(join))
        if len(kept) == len(tree.joins):
            return tree
        found = _finished(tree.root, tuple(reversed(kept)))
        return found.all_repeated() if tree.repeated else found

    def _build(self, hints: tuple[Hint, ...]) -> JoinTree:
        best: tuple[str, tuple[Join, ...]] | None = None
        ambiguous: PlanError | None = None
        for hint in hints:
            try:
                joins = self._from_root(hint, [other for other in hints if other != hint])
            except PlanError as error:
                ambiguous = ambiguous or error
                continue
            if joins is not None and (best is None or len(joins) < len(best[1])):
                best = (hint[0], joins)
        if best is None:
            raise ambiguous or _unjoinable(hints)
        root, joins = best
        return _finished(root, joins)

    def _from_root(self, root_hint: Hint, others: list[Hint]) -> tuple[Join, ...] | None:
        root = root_hint[0]
        joined = {root}
        joins: dict[tuple[str, str], Join] = {}
        for hint in (root_hint, *others):
            previous = root
            for position, target in enumerate(hint):
                if target == previous:
                    continue
                if target not in joined:
                    path = self._path(previous, target, joined)
                    if path is None:
                        return None
                    for source, end in pairwise(path):
                        if end not in joined:
                            joins[source, end] = self._edges[source][end]
                            joined.add(end)
                elif position > 0:
                    self._check_one_way(previous, target, joins)
                previous = target
        return tuple(joins.values())

    def _check_one_way(self, source: str, target: str, joins: Mapping[tuple[str, str], Join]) -> None:
        """A cube has one place in a query. Raises PlanError when a path leads to it otherwise than it was joined."""
        ways = [start for start, end in joins if end == target]
        if not ways or source in ways or (target, source) in joins:
            return
        if any(path[-2] in ways for path in self._shortest(source, target)):
            return
        message = f"'{target}' is reached over '{ways[0]}' and over '{source}' in one query, and would be both at once"
        advice = f"ask for one of the two, or let a second cube extend {target} and join that"
        raise PlanError(message, place=target, advice=advice, code="ambiguous_join_path")

    def _path(self, source: str, target: str, joined: set[str]) -> tuple[str, ...] | None:
        key = (source, target)
        if key not in self._paths:
            self._paths[key] = tuple(self._shortest(source, target))
        paths = self._paths[key]
        if len(paths) < 2:
            return paths[0] if paths else None
        # Cubes that are joined already decide between equally short paths.
        known = [path for path in paths if all(cube in joined for cube in path[:-1])]
        if len(known) == 1:
            return known[0]
        shown = " or ".join(".".join(path) for path in paths)
        message = f"Ambiguous join path from '{source}' to '{target}': {shown}"
        advice = "ask a view whose join_path says which, or add joinHints"
        raise PlanError(message, place=target, advice=advice, code="ambiguous_join_path")

    def _shortest(self, source: str, target: str) -> list[tuple[str, ...]]:
        """All shortest paths over declared joins, breadth first."""
        layer: list[tuple[str, ...]] = [(source,)]
        seen = {source}
        while layer:
            following = [(*path, end) for path in layer for end in self._edges.get(path[-1], ()) if end not in seen]
            found = [path for path in following if path[-1] == target]
            if found:
                return found
            seen.update(path[-1] for path in following)
            layer = following
        return []


def mentioned_cubes(join: Join) -> Iterator[str]:
    """The cubes that a join's condition mentions."""
    for reference in join.sql.references.values():
        if reference.kind == "cube":
            yield reference.path[-1]
        elif reference.kind == "member":
            yield reference.path[-2]


def _finished(root: str, joins: tuple[Join, ...]) -> JoinTree:
    cubes = {root, *(join.target for join in joins)}
    return JoinTree(root, joins, frozenset(cube for cube in cubes if _is_multiplied(cube, joins)))


def _unjoinable(hints: Iterable[Hint]) -> PlanError:
    shown = ", ".join(f"'{','.join(hint)}'" for hint in hints)
    advice = "declare a join between these cubes, or ask them in separate queries"
    message = f"Can't find join path to join {shown}"
    return PlanError(message, place=shown.replace("'", ""), advice=advice, code="no_join_path")


def _is_multiplied(cube: str, joins: Sequence[Join]) -> bool:
    """Whether walking away from a cube ever goes from one row to many."""
    visited = {cube}
    stack = [cube]
    while stack:
        current = stack.pop()
        for join in joins:
            if current not in (join.source, join.target):
                continue
            other = join.target if join.source == current else join.source
            if other in visited:
                continue
            outwards = join.source == current
            if (outwards and join.relationship == "one_to_many") or (
                not outwards and join.relationship == "many_to_one"
            ):
                return True
            visited.add(other)
            stack.append(other)
    return False
