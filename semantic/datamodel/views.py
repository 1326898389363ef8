"""Views: members of cubes over join paths, under the view's own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeVar

from semantic.datamodel.build import CubeBuilder
from semantic.datamodel.links import link_name
from semantic.datamodel.names import titleize
from semantic.datamodel.references import Names
from semantic.datamodel.shapes import Record, Report
from semantic.datamodel.types import (
    Cube,
    DefaultFilter,
    Dimension,
    Folder,
    Hierarchy,
    Measure,
    Member,
    MemberPath,
    Segment,
)  # fmt: skip

Kind = Literal["measures", "dimensions", "segments"]
KINDS: tuple[Kind, ...] = ("measures", "dimensions", "segments")
AnyMember = TypeVar("AnyMember", bound=Member)


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One cube member that a view takes over: its name there, and what the view says otherwise about it."""

    kind: Kind
    path: MemberPath
    name: str
    override: Mapping[str, Any]
    record: Record


class ViewBuilder:
    """Builds one view over built cubes."""

    def __init__(
        self, record: Record, cubes: Mapping[str, Cube], names: Names, report: Report, *, dialect: str
    ) -> None:
        self.record = record
        self.name: str = record["name"]
        self.cubes = cubes
        self.names = names
        self.report = report
        self.dialect = dialect
        self.title: str = record.get("title") or titleize(self.name)
        cubes_in_paths = (cube for item in record.get("cubes", ()) for cube in item["join_path"].split("."))
        self.lacks_cubes = any(cube in names.members and cube not in cubes for cube in cubes_in_paths)
        self.inclusions = tuple(self._inclusions())

    def build(self) -> Cube:
        """The view as a cube whose members stand for those of other cubes."""
        included = self._included_names()
        members = dict(self.names.members)
        members[self.name] = frozenset(included)
        granularities = dict(self.names.granularities)
        for inclusion in self.inclusions:
            known = self.names.granularities.get((inclusion.path.cube, inclusion.path.member))
            if known is not None:
                granularities[self.name, inclusion.name] = known
        own = CubeBuilder(self.record, Names(members, granularities), self.report, dialect=self.dialect)
        measures = {i.name: self._measure(i) for i in self.inclusions if i.kind == "measures"}
        dimensions = {i.name: self._dimension(i) for i in self.inclusions if i.kind == "dimensions"}
        segments = {i.name: self._segment(i) for i in self.inclusions if i.kind == "segments"}
        return Cube(
            name=self.name,
            place=self.record.place,
            title=self.title,
            is_view=True,
            description=self.record.get("description"),
            public=self.record.get("public", self.record.get("shown", True)),
            meta=self.record.get("meta", {}),
            measures=self._with_own(measures, own.measures()),
            dimensions=self._with_own(dimensions, own.dimensions()),
            segments=self._with_own(segments, own.segments()),
            hierarchies=tuple(self._hierarchies()),
            access_policy=own.access_policy(),
            folders=self._folders(),
            default_filters=tuple(self._default_filter(item, own) for item in self.record.get("default_filters", ())),
            view_groups=self._view_groups(),
        )

    def _with_own(self, included: dict[str, AnyMember], own: Mapping[str, AnyMember]) -> Mapping[str, AnyMember]:
        for name, member in own.items():
            if name in included:
                path = f"{self.record.path}.{name}"
                self.report.add(member.place, path, "duplicate_member", f"`{name}` is also included from a cube")
        return {**own, **included}

    def _view_groups(self) -> tuple[str, ...]:
        one = self.record.get("view_group")
        return (*((one,) if one else ()), *self.record.get("view_groups", ()))

    def _included_names(self) -> set[str]:
        names: set[str] = set()
        for inclusion in self.inclusions:
            if inclusion.name in names:
                message = f"`{inclusion.name}` is included twice; exclude one, or give it an alias or a prefix"
                self.report.add(inclusion.record.place, inclusion.record.path, "duplicate_member", message)
            names.add(inclusion.name)
        for kind in KINDS:
            names.update(item["name"] for item in self.record.get(kind, ()))
        return names

    # What is included

    def _inclusions(self) -> Iterator[Inclusion]:
        for item in self.record.get("cubes", ()):
            path = self._join_path(item)
            if path is not None:
                yield from self._from_cube(item, path)

    def _join_path(self, item: Record) -> tuple[str, ...] | None:
        path = tuple(item["join_path"].split("."))
        for cube in path:
            if cube in self.names.members and cube not in self.cubes:
                # It is broken itself, and says so: the view is left out when it is.
                return None
            if cube not in self.cubes:
                self._say(item, "join_path", "unknown_cube", f"`{cube}` is not a cube")
                return None
        for source, target in pairwise(path):
            if not _reachable(self.cubes, source, target):
                self._say(item, "join_path", "join_path", f"there is no join from {source} to {target}")
                return None
        return path

    def _from_cube(self, item: Record, path: tuple[str, ...]) -> Iterator[Inclusion]:
        cube = self.cubes[path[-1]]
        prefix = f"{item.get('alias') or cube.name}_" if item.get("prefix") else ""
        excluded = set(item.get("excludes", ()))
        wanted: Mapping[str, Mapping[str, Any]]
        if item["includes"] == "*":
            wanted = {name: {} for kind in KINDS for name in getattr(cube, kind)}
        else:
            wanted = self._wanted(item, cube)
        for kind in KINDS:
            members: Mapping[str, Member] = getattr(cube, kind)
            for name, override in wanted.items():
                if name in members and name not in excluded:
                    shown = prefix + (override.get("alias") or name)
                    yield Inclusion(kind, MemberPath(path, name), shown, override, item)

    def _wanted(self, item: Record, cube: Cube) -> Mapping[str, Mapping[str, Any]]:
        wanted: dict[str, Mapping[str, Any]] = {}
        for entry in item["includes"]:
            name: str = entry["name"] if isinstance(entry, Record) else entry
            hierarchy = next((h for h in cube.hierarchies if h.name == name), None)
            if hierarchy is not None:
                for level in hierarchy.levels:
                    wanted.setdefault(level.split(".")[1], {})
            elif name not in self.names.members[cube.name]:
                self._say(item, "includes", "unknown_member", f"{cube.name} has no member `{name}`")
            else:
                wanted[name] = entry.values if isinstance(entry, Record) else {}
        # The URLs of links come with their dimension.
        for name in [name for name in wanted if name in cube.dimensions and cube.dimensions[name].links]:
            for link in cube.dimensions[name].links:
                if link_name(name, link.name) in cube.dimensions:
                    wanted.setdefault(link_name(name, link.name), {})
        return wanted

    def _say(self, item: Record, key: str, rule: str, message: str) -> None:
        self.report.add(item.place_of(key), f"{self.record.path}.cubes.{key}", rule, message)

    # Members under their new names

    def _shared(self, inclusion: Inclusion, member: Member) -> dict[str, Any]:
        override = inclusion.override
        short_title = override.get("title") or (member.short_title if member.titled else titleize(inclusion.name))
        return {
            "cube": self.name,
            "name": inclusion.name,
            "title": f"{self.title} {short_title}",
            "short_title": short_title,
            "titled": "title" in override or member.titled,
            "description": override.get("description") or member.description,
            "meta": override.get("meta") or member.meta,
            "public": True,
            "sql": None,
            "alias_of": inclusion.path,
        }

    def _measure(self, inclusion: Inclusion) -> Measure:
        measure = self.cubes[inclusion.path.cube].measures[inclusion.path.member]
        shown = {i.path.name: f"{self.name}.{i.name}" for i in reversed(self.inclusions)}
        return replace(
            measure,
            **self._shared(inclusion, measure),
            format=inclusion.override.get("format") or measure.format,
            drill_members=tuple(shown[name] for name in measure.drill_members if name in shown),
        )

    def _dimension(self, inclusion: Inclusion) -> Dimension:
        dimension = self.cubes[inclusion.path.cube].dimensions[inclusion.path.member]
        return replace(
            dimension,
            **self._shared(inclusion, dimension),
            format=inclusion.override.get("format") or dimension.format,
            primary_key=False,
            key=self._key(inclusion, dimension),
            # What a view does not hand on, as in Cube.
            order=None,
            suggest_filter_values=True,
            aliases=(),
        )

    def _key(self, inclusion: Inclusion, dimension: Dimension) -> str | None:
        if dimension.key is None:
            return None
        found = next((i.name for i in self.inclusions if i.path.name == dimension.key), None)
        if found is None:
            message = f"`{dimension.full_name}` has the key `{dimension.key}`, which the view does not include"
            self.report.add(inclusion.record.place, inclusion.record.path, "key", message)
            return None
        return f"{self.name}.{found}"

    def _segment(self, inclusion: Inclusion) -> Segment:
        segment = self.cubes[inclusion.path.cube].segments[inclusion.path.member]
        return replace(segment, **self._shared(inclusion, segment))

    def _hierarchies(self) -> Iterator[Hierarchy]:
        shown = {i.path.name: f"{self.name}.{i.name}" for i in reversed(self.inclusions)}
        for item in self.record.get("cubes", ()):
            cube = self.cubes.get(item["join_path"].split(".")[-1])
            if cube is None:
                continue
            prefix = f"{item.get('alias') or cube.name}_" if item.get("prefix") else ""
            wanted = None if item["includes"] == "*" else set(_included_words(item))
            for hierarchy in cube.hierarchies:
                levels = tuple(shown[level] for level in hierarchy.levels if level in shown)
                if levels and (wanted is None or hierarchy.name in wanted):
                    alias = f"{cube.name}.{hierarchy.name}"
                    yield replace(hierarchy, name=prefix + hierarchy.name, levels=levels, alias_of=alias)

    # Folders and default filters

    def _folders(self) -> tuple[Folder, ...]:
        folders: dict[str, Folder] = {}
        for item in self.record.get("folders", ()):
            if item["name"] in folders:
                message = f"two folders are called `{item['name']}`"
                self.report.add(item.place, f"{self.record.path}.folders", "duplicate_name", message)
            folders[item["name"]] = self._folder(item)
        return tuple(folders.values())

    def _folder(self, item: Record) -> Folder:
        if item["includes"] == "*":
            in_order = sorted(self.inclusions, key=lambda inclusion: KINDS.index(inclusion.kind))
            return Folder(item["name"], tuple(f"{self.name}.{i.name}" for i in in_order))
        members: list[str | Folder] = []
        for entry in item["includes"]:
            if isinstance(entry, Record) and "join_path" in entry:
                cube = entry["join_path"].rpartition(".")[2]
                members += [f"{self.name}.{i.name}" for i in self._by_kind() if i.path.cube == cube]
            elif isinstance(entry, Record):
                members.append(self._folder(entry))
            elif any(entry == i.name for i in self.inclusions) or self._has_own(entry):
                members.append(f"{self.name}.{entry}")
            elif not self.lacks_cubes:
                message = f"`{entry}` is not a member of {self.name}"
                self.report.add(item.place, f"{item.path}.includes", "unknown_member", message)
        return Folder(item["name"], tuple(members))

    def _by_kind(self) -> list[Inclusion]:
        """What is included, dimensions before measures before segments."""
        order = ("dimensions", "measures", "segments")
        return sorted(self.inclusions, key=lambda inclusion: order.index(inclusion.kind))

    def _has_own(self, name: str) -> bool:
        return any(item["name"] == name for kind in KINDS for item in self.record.get(kind, ()))

    def _default_filter(self, item: Record, own: CubeBuilder) -> DefaultFilter:
        values = item.get("values", ())
        unless = item.get("unless", ())
        unless = unless if isinstance(unless, tuple) else (unless,)
        return DefaultFilter(
            member=own.full_name(item["member"], item.place_of("member"), f"{item.path}.member"),
            operator=item["operator"],
            values=values if isinstance(values, tuple) else (values,),
            unless=tuple(own.full_name(name, item.place_of("unless"), f"{item.path}.unless") for name in unless),
        )


def _included_words(item: Record) -> Iterator[str]:
    for entry in item["includes"]:
        yield entry["name"] if isinstance(entry, Record) else entry


def _reachable(cubes: Mapping[str, Cube], source: str, target: str) -> bool:
    seen = {source}
    stack = [source]
    while stack:
        cube = cubes.get(stack.pop())
        for join in cube.joins if cube else ():
            if join.target == target:
                return True
            if join.target not in seen and join.target in cubes:
                seen.add(join.target)
                stack.append(join.target)
    return False
