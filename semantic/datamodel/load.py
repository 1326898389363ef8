"""From a folder of YAML files to a checked `DataModel`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from semantic.datamodel import properties
from semantic.datamodel.build import CubeBuilder
from semantic.datamodel.checks import CHECKS
from semantic.datamodel.groups import grouped, read_groups
from semantic.datamodel.jinja import is_template, render
from semantic.datamodel.links import link_name
from semantic.datamodel.nodes import Node, NodeReader
from semantic.datamodel.references import Names
from semantic.datamodel.shapes import Record, Report, identifier
from semantic.datamodel.types import Cube, DataModel
from semantic.datamodel.views import ViewBuilder
from semantic.errors import DataModelError, Problem

SUFFIXES = (".yml", ".yaml", ".jinja")
# When a cube or view extends another, named lists are merged by name, others put one after the other, and all else is
# replaced.
_MERGED = ("measures", "dimensions", "segments", "joins", "hierarchies", "pre_aggregations")
_ADDED = ("access_policy", "cubes", "folders")


@dataclass(frozen=True, slots=True)
class Definition:
    """A cube or view as written, after `extends`."""

    kind: Literal["cube", "view"]
    name: str
    node: Node


@dataclass(slots=True)
class Reading:
    """What was found while reading; `lost` names the cubes and views that must be left out."""

    definitions: dict[str, Definition] = field(default_factory=dict)
    view_groups: list[Node] = field(default_factory=list)
    report: Report = field(default_factory=Report)


def load_data_model(folder: Path, *, strict: bool = True, dialect: str = "duckdb") -> DataModel:
    """Read every `.yml`, `.yaml` and `.jinja` file below a folder.

    With `strict`, anything wrong raises one DataModelError that lists every problem. Without it, broken cubes and
    views (and the views that need them) are left out and named in `broken`; the others work.
    `dialect` is the SQL dialect that the snippets are written in. A folder that does not exist raises DataModelError.
    """
    if not folder.is_dir():
        raise DataModelError([Problem(str(folder), 0, "", "folder", "there is no such folder")])
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            texts[name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(name, 1, "", "unreadable", f"cannot be read as UTF-8 text: {error}"))
    return load_sources(texts, strict=strict, dialect=dialect, problems=problems)


def load_sources(
    sources: Mapping[str, str], *, strict: bool = True, dialect: str = "duckdb", problems: Iterable[Problem] = ()
) -> DataModel:
    """The same from texts by file name; `problems` are ones already known."""
    reading = Reading()
    reading.report.problems.extend(problems)
    for file, text in sources.items():
        _read_file(file, text, sources, reading)
    _extend(reading)
    _split(reading)
    model = _build(reading, dialect)
    if strict and model.problems:
        raise DataModelError(model.problems)
    return model


def _read_file(file: str, text: str, sources: Mapping[str, str], reading: Reading) -> None:
    if is_template(file, text):
        rendered, problem = render(file, text, sources)
        if problem is not None:
            reading.report.problems.append(problem)
            return
        text = rendered
    reader = NodeReader(file)
    root = reader.read(text)
    reading.report.problems.extend(reader.problems)
    if root is None or (root.value is None and not reader.problems):
        return
    if not isinstance(root.value, Mapping):
        reading.report.add(root.place, "", "type", "a file must be a mapping with `cubes` and `views`")
        return
    for key, node in root.fields.items():
        if key == "view_groups":
            reading.view_groups.extend(node.items)
        elif key in ("cubes", "views"):
            _read_definitions("cube" if key == "cubes" else "view", key, node, reading)
        else:
            message = f"`{key}` is not known at the top of a file; it may be cubes, views or view_groups"
            reading.report.add(node.place, key, "unknown_property", message)


def _read_definitions(kind: Literal["cube", "view"], key: str, node: Node, reading: Reading) -> None:
    if node.value is not None and not isinstance(node.value, tuple):
        reading.report.add(node.place, key, "type", "must be a list")
        return
    for index, item in enumerate(node.items):
        name = item.get("name")
        if name is None or identifier(name, f"{key}[{index}].name", Report()) is not name.value:
            place = item.place if name is None else name.place
            reading.report.add(place, f"{key}[{index}]", "name", f"a {kind} needs a `name` of letters, digits and _")
            continue
        if str(name.value) in reading.definitions:
            message = f"`{name.value}` is defined more than once"
            reading.report.add(item.place, f"{key}.{name.value}", "duplicate_name", message)
            continue
        reading.definitions[str(name.value)] = Definition(kind, str(name.value), item)


# Inheritance


def _extend(reading: Reading) -> None:
    merged: dict[str, Node] = {}
    for definition in reading.definitions.values():
        merged[definition.name] = _merged(definition.name, reading, ())
    for name, definition in list(reading.definitions.items()):
        reading.definitions[name] = Definition(definition.kind, name, merged[name])


def _merged(name: str, reading: Reading, below: tuple[str, ...]) -> Node:
    definition = reading.definitions[name]
    node = definition.node
    extends = node.get("extends")
    if extends is None or not isinstance(extends.value, str):
        return node
    base_name = extends.value.strip("{} ")
    base = reading.definitions.get(base_name)
    path = f"{definition.kind}s.{name}.extends"
    if base is None or base.kind != definition.kind:
        if not below:
            reading.report.add(extends.place, path, "unknown_cube", f"there is no {definition.kind} `{base_name}`")
        return node
    if base_name in (*below, name):
        if base_name == (*below, name)[0]:
            chain = " -> ".join((*below, name, base_name))
            reading.report.add(extends.place, path, "cycle", f"`{base_name}` extends itself: {chain}")
        return node
    return _merge(_merged(base_name, reading, (*below, name)), node)


def _merge(base: Node, node: Node) -> Node:
    fields = {key: value for key, value in base.fields.items() if key not in ("extends", "name")}
    if node.get("sql") is not None or node.get("sql_table") is not None:
        fields.pop("sql", None)
        fields.pop("sql_table", None)
    for key, value in node.fields.items():
        if key in _MERGED and key in fields and value.items and fields[key].items:
            fields[key] = Node(_merge_named(fields[key], value), value.place)
        elif key in _ADDED and key in fields:
            fields[key] = Node((*fields[key].items, *value.items), value.place)
        else:
            fields[key] = value
    return Node(fields, node.place)


def _merge_named(base: Node, own: Node) -> tuple[Node, ...]:
    """The base's entries, each replaced in its place by an own one of the same name, and then the other own ones."""
    overriding = {_name_of(item): item for item in own.items if _name_of(item) is not None}
    merged = [overriding.get(_name_of(item), item) for item in base.items]
    known = {_name_of(item) for item in base.items} - {None}
    return (*merged, *(item for item in own.items if _name_of(item) not in known))


def _name_of(item: Node) -> object:
    name = item.get("name")
    return None if name is None or isinstance(name.value, (tuple, Mapping)) else name.value


# Views made of views


def _split(reading: Reading) -> None:
    """A cube that a view includes with `split: true` is a view of its own, named after both."""
    for definition in [entry for entry in reading.definitions.values() if entry.kind == "view"]:
        cubes = definition.node.get("cubes")
        items = cubes.items if cubes is not None else ()
        apart = [item for item in items if _is_split(item)]
        if cubes is None or not apart:
            continue
        kept = Node(tuple(item for item in items if not _is_split(item)), cubes.place)
        fields = {**definition.node.fields, "cubes": kept}
        reading.definitions[definition.name] = Definition("view", definition.name, Node(fields, definition.node.place))
        for name, node in _views_apart(definition.name, apart).items():
            if name in reading.definitions:
                message = f"`{name}`, which `split: true` makes, is defined already"
                reading.report.add(node.place, f"views.{definition.name}.cubes.split", "duplicate_name", message)
            else:
                reading.definitions[name] = Definition("view", name, node)


def _is_split(item: Node) -> bool:
    split = item.get("split")
    return (
        split is not None and split.value is True and item.get("prefix") is None and item.get("join_path") is not None
    )


def _views_apart(view: str, items: Sequence[Node]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for item in items:
        named = item.get("alias") or item.fields["join_path"]
        name = f"{view}_{str(named.value).rpartition('.')[2]}"
        whole = Node({key: value for key, value in item.fields.items() if key not in ("split", "alias")}, item.place)
        others = found[name].fields["cubes"].items if name in found else ()
        fields = {"name": Node(name, item.place), "cubes": Node((*others, whole), item.place)}
        found[name] = Node(fields, item.place)
    return found


# Building, and building again without what is broken


def _build(reading: Reading, dialect: str) -> DataModel:
    shared = tuple(reading.report.problems)
    problems: list[Problem] = list(shared)
    broken: dict[str, tuple[Problem, ...]] = {}
    remaining = dict(reading.definitions)
    while True:
        report = Report()
        cubes, culprits = _attempt(remaining, frozenset(broken), report, dialect)
        if not broken:
            # Later rounds only repeat, of what needs a broken cube, that it is not there.
            problems += report.problems
        if not culprits:
            break
        for name in culprits:
            broken[name] = tuple(p for p in report.problems if _names_owner(p, name, remaining))
            del remaining[name]
    groups = read_groups(reading.view_groups, problems)
    return DataModel(
        cubes=grouped({name: cubes[name] for name in remaining if name in cubes}, groups),
        view_groups=groups,
        broken=broken,
        problems=tuple(sorted(problems)),
        dialect=dialect,
    )


def _attempt(
    definitions: Mapping[str, Definition], gone: frozenset[str], report: Report, dialect: str
) -> tuple[dict[str, Cube], list[str]]:
    records = {d.name: record for d in definitions.values() if (record := _record(d, report)) is not None}
    cube_records = [records[d.name] for d in definitions.values() if d.kind == "cube" and d.name in records]
    names = _names(cube_records, [d for d in definitions.values() if d.kind == "cube"])
    cubes: dict[str, Cube] = {}
    for record in cube_records:
        builder = CubeBuilder(_without_joins_to(record, gone), names, report, dialect=dialect)
        cubes[record["name"]] = builder.build()
    for check in CHECKS:
        report.problems.extend(check(cubes))
    base = dict(cubes)
    for definition in definitions.values():
        if definition.kind == "view" and definition.name in records:
            view = ViewBuilder(records[definition.name], base, names, report, dialect=dialect)
            cubes[definition.name] = view.build()
    culprits = [
        name
        for name in definitions
        if name not in records or any(_names_owner(problem, name, definitions) for problem in report.problems)
    ]
    return cubes, culprits


def _record(definition: Definition, report: Report) -> Record | None:
    shape = properties.cube if definition.kind == "cube" else properties.view
    record = shape(definition.node, f"{definition.kind}s[{definition.name}]", report)
    return record if isinstance(record, Record) else None


def _names(records: Sequence[Record], definitions: Sequence[Definition]) -> Names:
    """Every name that is written; of what is broken too, so that what mentions it is not reported as well."""
    members: dict[str, frozenset[str]] = {}
    for definition in definitions:
        lists = (definition.node.get(kind) for kind in ("measures", "dimensions", "segments"))
        named = (item.get("name") for found in lists if found is not None for item in found.items)
        written = {str(name.value) for name in named if name is not None}
        members[definition.name] = frozenset(written | set(_linked(definition.node)))
    granularities: dict[tuple[str, str], frozenset[str]] = {}
    for record in records:
        for item in record.get("dimensions", ()):
            if item["type"] == "time":
                custom = frozenset(entry["name"] for entry in item.get("granularities", ()))
                granularities[record["name"], item["name"]] = custom
    return Names(members, granularities)


def _linked(cube: Node) -> Iterator[str]:
    """The dimensions that links make."""
    dimensions = cube.get("dimensions")
    for item in dimensions.items if dimensions is not None else ():
        links = item.get("links")
        for link in links.items if links is not None else ():
            names = item.get("name"), link.get("name")
            if names[0] is not None and names[1] is not None:
                yield link_name(str(names[0].value), str(names[1].value))


def _without_joins_to(record: Record, gone: frozenset[str]) -> Record:
    """A healthy cube stays usable when one that it joins is broken: only that join goes."""
    if not gone or "joins" not in record:
        return record
    joins = tuple(item for item in record["joins"] if item["name"] not in gone)
    return Record({**record.values, "joins": joins}, record.places, record.place, record.path)


def _names_owner(problem: Problem, name: str, definitions: Mapping[str, Definition]) -> bool:
    """Whether a problem belongs to a cube or view: its property path begins with it."""
    parts = problem.property.split(".")
    if parts[0] in ("cubes", "views"):
        parts = parts[1:]
    return bool(parts) and parts[0] == name and name in definitions
