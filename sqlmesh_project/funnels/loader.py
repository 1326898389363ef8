"""Reads funnel declarations: YAML -> `Funnel`, with every mistake of a file reported at once, by line."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from sqlmesh_project.funnels.declaration import (
    EVENT_COLUMNS,
    PROPERTY,
    Condition,
    Count,
    Effect,
    Entity,
    Entry,
    Exclusion,
    Funnel,
    Order,
    Predicate,
    Step,
    TieOrder,
    Value,
)
from sqlmesh_project.funnels.errors import DeclarationError

FOLDER = Path(__file__).parent
SOURCES = FOLDER.parents[1] / "ingestion" / "sources"
MAX_STEPS = 20
MAX_DAYS = 3650
"""No window is longer: a run looks back by it, and microseconds of more years than anybody lives leave their type."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PROPERTY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(\d{1,12}) (second|minute|hour|day)s?")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_KEYS = {
    "name", "description", "source", "entity", "order", "entry", "count", "conversion_window", "step_window",
    "strict_increase", "tie_order", "scope", "steps", "exclusions", "hold_constant", "attribution", "timezone",
    "include_staff", "include_bots",
}  # fmt: skip
_REQUIRED = ("name", "description", "source", "conversion_window", "steps")
_TAG = "tag:yaml.org,2002:"


def load_funnels(folder: Path = FOLDER) -> tuple[Funnel, ...]:
    """All funnels of a folder, by name. Raises DeclarationError with the mistakes of all files."""
    funnels: list[Funnel] = []
    mistakes = [f"{path.name}:1: nobody reads it: call it {path.stem}.yml" for path in sorted(folder.glob("*.yaml"))]
    for path in sorted(folder.glob("*.yml")):
        try:
            funnels.append(load_funnel(path))
        except DeclarationError as error:
            mistakes.extend(error.mistakes)
    if not mistakes and not funnels:
        mistakes = [f"{folder.name}: no funnel is declared: the tables of funnels need one at least"]
    if mistakes:
        raise DeclarationError(mistakes)
    return tuple(funnels)


def load_funnel(path: Path) -> Funnel:
    """The funnel that a file declares. Raises DeclarationError, each mistake as `file:line: what to mend`."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DeclarationError([f"{path.name}:{line}: not valid YAML: {error.problem}"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DeclarationError([f"{path.name}:{line}: not UTF-8: save the file as UTF-8"]) from error
    except yaml.YAMLError as error:
        raise DeclarationError([f"{path.name}:1: not valid YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(root, yaml.MappingNode):
        raise DeclarationError([f"{path.name}:1: expected a mapping with {', '.join(_REQUIRED)}"])
    reader = _Reader(path)
    funnel = reader.funnel(root)
    if reader.mistakes:
        raise DeclarationError([f"{path.name}:{line}: {text}" for line, text in sorted(reader.mistakes)])
    return funnel


class _Reader:
    """Walks the nodes of one file, notes mistakes with their lines, and goes on with a harmless value."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mistakes: list[tuple[int, str]] = []

    def wrong(self, node: yaml.Node, text: str) -> None:
        self.mistakes.append((node.start_mark.line + 1, text))

    def funnel(self, root: yaml.MappingNode) -> Funnel:
        fields = self.mapping(root, _KEYS)
        for key in _REQUIRED:
            if key not in fields:
                self.wrong(root, f"`{key}` is missing")
        steps = self.steps(fields.get("steps"))
        funnel = Funnel(
            name=self.name(fields.get("name")),
            description=self.text(fields.get("description")),
            source=self.source(fields.get("source")),
            steps=steps,
            conversion_window=self.duration(fields.get("conversion_window")) or 1,
            entity=self.choice(fields.get("entity"), get_args(Entity)),
            order=self.choice(fields.get("order"), get_args(Order)),
            entry=self.choice(fields.get("entry"), get_args(Entry)),
            count=self.choice(fields.get("count"), get_args(Count)),
            step_window=self.duration(fields.get("step_window")),
            strict_increase=self.flag(fields.get("strict_increase")),
            tie_order=self.choice(fields.get("tie_order"), get_args(TieOrder)),
            scope=self.predicate(fields["scope"]) if "scope" in fields else None,
            exclusions=self.exclusions(fields.get("exclusions"), steps),
            hold_constant=self.held(fields.get("hold_constant")),
            attribution=self.attribution(fields.get("attribution"), steps),
            timezone=self.zone(fields.get("timezone")),
            include_staff=self.flag(fields.get("include_staff")),
            include_bots=self.flag(fields.get("include_bots")),
        )
        self.together(root, fields, funnel)
        return funnel

    def together(self, root: yaml.Node, fields: Mapping[str, yaml.Node], funnel: Funnel) -> None:
        """Options that exclude each other."""
        for broken, key, text in _CONFLICTS:
            if broken(funnel):
                self.wrong(fields.get(key, root), text)
        if "name" in fields and funnel.name != self.path.stem:
            self.wrong(fields["name"], f"name {funnel.name!r} differs from the file's: call the file {funnel.name}.yml")

    def mapping(self, node: yaml.Node | None, known: set[str] | None = None) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            if node is not None:
                self.wrong(node, "expected a mapping")
            return {}
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "a key is a single word")
                continue
            if known is not None and key.value not in known:
                self.wrong(key, f"unknown key `{key.value}`; known: {', '.join(sorted(known))}")
            if key.value in fields:
                self.wrong(key, f"`{key.value}` is given twice")
            fields[key.value] = value
        return fields

    def sequence(self, node: yaml.Node | None) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if node is not None:
            self.wrong(node, "expected a list")
        return []

    def scalar(self, node: yaml.Node | None, default: Any) -> Any:
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(node, "expected a single value")
            return default
        try:
            return yaml.safe_load(yaml.serialize(node))
        except (yaml.YAMLError, ValueError, KeyError, AttributeError):  # what the constructors of explicit tags raise
            self.wrong(node, f"{node.value!r} is not what it says it is: write it without a tag, or in quotes")
            return default

    def text(self, node: yaml.Node | None) -> str:
        value = self.scalar(node, None)
        if node is not None and value in (None, ""):
            self.wrong(node, "expected a text")
        return "" if value is None else str(value)

    def value(self, node: yaml.Node) -> Value | None:
        """What an event is compared to: the text as written, since events hold texts, and YAML takes NO for false."""
        if not isinstance(node, yaml.ScalarNode) or not node.tag.startswith(_TAG):
            self.wrong(node, "expected a single value")
            return ""
        if node.tag == f"{_TAG}null":
            return None
        is_flag = node.tag == f"{_TAG}bool" and node.value.lower() in ("true", "false")
        return node.value.lower() == "true" if is_flag else str(node.value)

    def source(self, node: yaml.Node | None) -> str:
        """A source that is declared for ingestion: of another one there are no events."""
        name = self.name(node)
        known = sorted(path.stem for path in SOURCES.glob("*.yml"))
        if node is not None and _NAME.fullmatch(name) and name not in known:
            self.wrong(node, f"there is no source {name!r}; known: {', '.join(known)}")
        return name

    def name(self, node: yaml.Node | None) -> str:
        value = str(self.scalar(node, ""))
        if node is not None and not _NAME.fullmatch(value):
            self.wrong(node, f"{value!r} is no name: small letters, digits and _ only")
        return value

    def choice(self, node: yaml.Node | None, choices: tuple[Any, ...]) -> Any:
        value = self.scalar(node, choices[0])
        if value not in choices and node is not None:
            self.wrong(node, f"{value!r} is none of {', '.join(choices)}")
            return choices[0]
        return value

    def flag(self, node: yaml.Node | None) -> bool:
        value = self.scalar(node, False)
        if not isinstance(value, bool) and node is not None:
            self.wrong(node, f"expected true or false, not {value!r}")
        return value is True

    def duration(self, node: yaml.Node | None) -> int | None:
        if node is None:
            return None
        match = _DURATION.fullmatch(str(self.scalar(node, "")))
        if not match or int(match[1]) == 0:
            self.wrong(node, "expected a duration such as `30 minutes` or `7 days`")
            return None
        seconds = int(match[1]) * _SECONDS[match[2]]
        if seconds > MAX_DAYS * _SECONDS["day"]:
            self.wrong(node, f"a window lasts {MAX_DAYS} days at most")
            return None
        return seconds

    def zone(self, node: yaml.Node | None) -> str:
        value = str(self.scalar(node, "UTC"))
        if node is not None and value not in zoneinfo.available_timezones():
            self.wrong(node, f"{value!r} is no time zone: take an IANA name such as Europe/Paris")
        return value

    def predicate(self, node: yaml.Node | None) -> Predicate:
        conditions = []
        for key, value in self.mapping(node).items():
            negated = key.startswith("not ")
            name = self.member(value, key.removeprefix("not "))
            nodes = self.sequence(value) if isinstance(value, yaml.SequenceNode) else [value]
            values = [self.value(one) for one in nodes]
            if not values or None in values:
                self.wrong(value, f"`{key}` compares to no value")
            conditions.append(Condition(name, tuple(one for one in values if one is not None), negated))
        if node is not None and not conditions:
            self.wrong(node, "expected conditions such as {event_name: sign_up}")
        return Predicate(tuple(conditions))

    def member(self, node: yaml.Node, name: str) -> str:
        """A column of events, or `properties.<name>`."""
        if name in EVENT_COLUMNS or (
            name.startswith(PROPERTY) and _PROPERTY_NAME.fullmatch(name.removeprefix(PROPERTY))
        ):
            return name
        known = ", ".join((*EVENT_COLUMNS, "properties.<name>"))
        self.wrong(node, f"events have no {name!r}; known: {known}")
        return EVENT_COLUMNS[0]

    def held(self, node: yaml.Node | None) -> tuple[str, ...]:
        return tuple(self.member(one, str(self.scalar(one, ""))) for one in self.sequence(node))

    def steps(self, node: yaml.Node | None) -> tuple[Step, ...]:
        steps: list[Step] = []
        for one in self.sequence(node):
            fields = self.mapping(one, {"name", "where"})
            if "where" not in fields or "name" not in fields:
                self.wrong(one, "a step needs `name` and `where`")
            name = self.text(fields.get("name"))
            if name in {step.name for step in steps}:
                self.wrong(one, f"two steps are called {name!r}")
            steps.append(Step(name, self.predicate(fields.get("where"))))
        if node is not None and not 2 <= len(steps) <= MAX_STEPS:
            self.wrong(node, f"a funnel has 2 to {MAX_STEPS} steps, not {len(steps)}")
        return tuple(steps)

    def exclusions(self, node: yaml.Node | None, steps: tuple[Step, ...]) -> tuple[Exclusion, ...]:
        return tuple(self.exclusion(one, steps) for one in self.sequence(node))

    def exclusion(self, node: yaml.Node, steps: tuple[Step, ...]) -> Exclusion:
        fields = self.mapping(node, {"where", "effect", "after", "before"})
        for key in ("where", "effect"):
            if key not in fields:
                self.wrong(node, f"an exclusion needs `{key}`: its effect is never guessed")
        after = self.step_number(fields.get("after"), steps, 1)
        before = self.step_number(fields.get("before"), steps, len(steps))
        if after >= before:
            self.wrong(node, "`after` must be a step before `before`")
        effect = self.choice(fields.get("effect"), get_args(Effect))
        return Exclusion(self.predicate(fields.get("where")), effect, after, before)

    def step_number(self, node: yaml.Node | None, steps: tuple[Step, ...], default: int) -> int:
        names = [step.name for step in steps]
        name = self.scalar(node, None)
        if node is None:
            return default
        if name not in names:
            self.wrong(node, f"there is no step {name!r}; steps: {', '.join(names)}")
            return default
        return names.index(name) + 1

    def attribution(self, node: yaml.Node | None, steps: tuple[Step, ...]) -> str | int:
        value = str(self.scalar(node, "first_touch"))
        if value in ("first_touch", "last_touch"):
            return value
        number = value.removeprefix("step:")
        if value.startswith("step:") and number.isdecimal() and 1 <= int(number) <= len(steps):
            return int(number)
        if node is not None:
            self.wrong(node, f"{value!r} is none of first_touch, last_touch, step:1 to step:{len(steps)}")
        return "first_touch"


_CONFLICTS: tuple[tuple[Callable[[Funnel], bool], str, str], ...] = (
    (
        lambda funnel: funnel.count == "totals" and funnel.entry == "first",
        "count",
        "`count: totals` counts every attempt: it needs `entry: any`",
    ),
    (
        lambda funnel: funnel.order == "unordered" and funnel.entry == "any",
        "entry",
        "an unordered funnel is entered by whichever step comes first: `entry: any` has no meaning",
    ),
    (
        lambda funnel: funnel.order == "unordered" and bool(funnel.exclusions),
        "exclusions",
        "an unordered funnel has no between: exclusions need `order: ordered`",
    ),
    (
        lambda funnel: funnel.order == "unordered" and (funnel.strict_increase or funnel.step_window is not None),
        "order",
        "`strict_increase` and `step_window` compare a step to the one before: they need an order",
    ),
    (
        lambda funnel: funnel.order == "unordered" and funnel.tie_order == "steps",
        "tie_order",
        "the steps of an unordered funnel have no order that ties could follow",
    ),
    (
        lambda funnel: funnel.order == "strict" and bool(funnel.exclusions),
        "exclusions",
        "a strict funnel drops off at any other event of its scope already: declare a scope, or `order: ordered`",
    ),
    (
        lambda funnel: funnel.order != "strict" and funnel.scope is not None,
        "scope",
        "`scope` says which events may not come between: it needs `order: strict`",
    ),
)
"""Combinations that mean nothing: (test, key to point at, what to do)."""
