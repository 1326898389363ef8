"""One cube's properties, read and checked, to the frozen `Cube`: snippets parsed, references resolved."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast

from semantic.datamodel.intervals import divides_parent, is_of_months, parse_interval
from semantic.datamodel.links import link_dimensions
from semantic.datamodel.names import titleize
from semantic.datamodel.properties import GRANULARITIES
from semantic.datamodel.references import Names, resolve, resolve_path
from semantic.datamodel.shapes import Record, Report, Snippet
from semantic.datamodel.templates import Mention, TemplateError, parse_expression, parse_select
from semantic.datamodel.types import (
    AccessPolicy,
    Case,
    CaseWhen,
    Cube,
    Dimension,
    Granularity,
    Hierarchy,
    Join,
    Link,
    Measure,
    Member,
    MemberSelection,
    MultiStage,
    NonAdditive,
    Place,
    PolicyFilter,
    PreAggregation,
    Reference,
    RollingWindow,
    RollupTime,
    Segment,
    Sql,
    TimeShift,
)  # fmt: skip

AnyMember = TypeVar("AnyMember", bound=Member)

_AGGREGATED_WITHOUT_SQL = ("count", "rank")


class CubeBuilder:
    """Builds one cube. What is wrong goes to the report; a member that is wrong is left out."""

    def __init__(self, record: Record, names: Names, report: Report, *, dialect: str) -> None:
        self.record = record
        self.name: str = record["name"]
        self.names = names
        self.report = report
        self.dialect = dialect
        self.title: str = record.get("title") or titleize(self.name)

    def build(self) -> Cube:
        """The cube with everything that is right about it."""
        record = self.record
        return Cube(
            name=self.name,
            place=record.place,
            title=self.title,
            description=record.get("description"),
            public=record.get("public", record.get("shown", True)),
            meta=record.get("meta", {}),
            sql_table=self._table(),
            sql=self.select(record.get("sql"), f"{record.path}.sql"),
            sql_alias=record.get("sql_alias"),
            data_source=record.get("data_source", "default"),
            calendar=record.get("calendar", False),
            measures=self.measures(),
            dimensions=self.dimensions(),
            segments=self.segments(),
            joins=self._joins(),
            hierarchies=tuple(self._hierarchy(item) for item in record.get("hierarchies", ())),
            pre_aggregations=tuple(self._pre_aggregation(item) for item in record.get("pre_aggregations", ())),
            access_policy=self.access_policy(),
            refresh_key=_plain(record.get("refresh_key")),
        )

    def measures(self) -> Mapping[str, Measure]:
        return self._unique([self._measure(item) for item in self.record.get("measures", ())])

    def dimensions(self) -> Mapping[str, Dimension]:
        items = self.record.get("dimensions", ())
        found = [self._dimension(item) for item in items]
        found += [dimension for item in items for dimension in link_dimensions(self, item)]
        return self._unique(found)

    def segments(self) -> Mapping[str, Segment]:
        found = [Segment(**self._common(item)) for item in self.record.get("segments", ())]
        return self._unique(found)

    def _unique(self, members: list[AnyMember]) -> Mapping[str, AnyMember]:
        found: dict[str, AnyMember] = {}
        for member in members:
            if member.name in found:
                path = f"{self.record.path}.{member.name}"
                self.report.add(member.place, path, "duplicate_member", f"`{member.name}` is defined twice")
            found.setdefault(member.name, member)
        return found

    def _table(self) -> str | None:
        snippet = self.record.get("sql_table")
        return snippet.text if snippet is not None else None

    # Snippets

    def expression(self, snippet: Snippet | None, path: str) -> Sql | None:
        """Parse an expression, or report why not and give None."""
        if snippet is None:
            return None
        try:
            return parse_expression(snippet.text, snippet.place, self._resolve, dialect=self.dialect)
        except TemplateError as error:
            self.report.add(snippet.place, path, error.rule, str(error))
            return None

    def select(self, snippet: Snippet | None, path: str) -> Sql | None:
        """Parse a whole SELECT, or report why not and give None."""
        if snippet is None:
            return None
        try:
            return parse_select(snippet.text, snippet.place, self._resolve, dialect=self.dialect)
        except TemplateError as error:
            self.report.add(snippet.place, path, error.rule, str(error))
            return None

    def _resolve(self, mention: Mention, placeholder: str) -> Reference:
        return resolve(mention, placeholder, self.name, self.names)

    def full_name(self, name: str, place: Place, path: str) -> str:
        """A member named in a list (`status`, `CUBE.status`, `orders.customers.city`) as `cube.member`."""
        parts = resolve_path(tuple(name.split(".")), self.name, self.names)
        if parts is None or len(parts) < 2:
            self.report.add(
                place, path, "unknown_member", f"`{name}` is not a member of {self.name} or of another cube"
            )
            return f"{self.name}.{name}"
        if len(parts) > 2 and self.names.granularity(*parts[-3:]):
            return ".".join(parts[-3:])
        return ".".join(parts[-2:])

    def full_names(self, record: Record, key: str) -> tuple[str, ...]:
        return tuple(self.full_name(name, record.place_of(key), f"{record.path}.{key}") for name in record.get(key, ()))

    # Members

    def _common(self, item: Record) -> dict[str, Any]:
        short_title = item.get("title") or titleize(item["name"])
        return {
            "cube": self.name,
            "name": item["name"],
            "place": item.place,
            "title": f"{self.title} {short_title}",
            "short_title": short_title,
            "titled": "title" in item,
            "description": item.get("description"),
            "public": item.get("public", item.get("visible", item.get("shown", True))),
            "meta": item.get("meta", {}),
            "aliases": item.get("aliases", ()),
            "sql": self.expression(item.get("sql"), f"{item.path}.sql"),
        }

    def _measure(self, item: Record) -> Measure:
        self._check_measure(item)
        drill = "drill_members" if "drill_members" in item else "drill_member_references"
        common = self._common(item)
        return Measure(
            **{**common, "meta": item["meta"].plain if "meta" in item else {}},
            type=item["type"],
            filters=self._filters(item, "filters"),
            rolling_window=self._rolling_window(item),
            multi_stage=self._multi_stage(item),
            case=self._case(item),
            format=_plain(item["format"]) if "format" in item else None,
            currency=item.get("currency"),
            drill_members=self.full_names(item, drill),
            drill_filters=self._filters(item, "drill_filters"),
            non_additive=self._non_additive(item),
            join_to_timespine=item["meta"].own.get("join_to_timespine", False) if "meta" in item else False,
            fill_nulls_with=self._fill_nulls_with(item),
            mask=self._mask(item),
        )

    def _non_additive(self, item: Record) -> NonAdditive | None:
        said = item["meta"].own.get("non_additive_dimension") if "meta" in item else None
        if said is None:
            return None
        groupings = self.full_names(said, "window_groupings")
        name = self.full_name(said["name"], said.place_of("name"), f"{said.path}.name")
        return NonAdditive(name, said["window_choice"], groupings, said.place)

    def _fill_nulls_with(self, item: Record) -> float | None:
        if "meta" not in item:
            return None
        own: Record = item["meta"].own
        if "fill_nulls_with" in own and item["type"] in ("string", "boolean", "time"):
            message = f"a number cannot stand for a missing {item['type']}"
            self.report.add(own.place_of("fill_nulls_with"), f"{own.path}.fill_nulls_with", "fill_nulls_with", message)
        return cast("float | None", own.get("fill_nulls_with"))

    def _check_measure(self, item: Record) -> None:
        needs_sql = item["type"] not in _AGGREGATED_WITHOUT_SQL and "case" not in item
        if needs_sql and "sql" not in item:
            self.report.add(item.place, item.path, "required", f"`sql` is missing: a {item['type']} measure needs it")
        if item["type"] in ("rank", "number_agg") and not item.get("multi_stage"):
            message = f"type {item['type']} is only for measures with `multi_stage: true`"
            self.report.add(item.place_of("type"), f"{item.path}.type", "multi_stage_only", message)
        for key in ("group_by", "reduce_by", "add_group_by", "time_shift", "order_by", "filter", "grain"):
            if key in item and not item.get("multi_stage"):
                message = f"`{key}` is only for measures with `multi_stage: true`"
                self.report.add(item.place_of(key), f"{item.path}.{key}", "multi_stage_only", message)

    def _filters(self, item: Record, key: str) -> tuple[Sql, ...]:
        found = (self.expression(entry["sql"], f"{item.path}.{key}") for entry in item.get(key, ()))
        return tuple(sql for sql in found if sql is not None)

    def _rolling_window(self, item: Record) -> RollingWindow | None:
        window = item.get("rolling_window")
        if window is None:
            return RollingWindow("fixed", trailing="unbounded") if item.get("cumulative") else None
        kind = window.get("type", "fixed")
        path = f"{item.path}.rolling_window"
        if kind == "fixed":
            if "granularity" in window:
                self.report.add(window.place, path, "rolling_window", "`granularity` is only for type to_date")
            return RollingWindow("fixed", window.get("trailing"), window.get("leading"), window.get("offset", "end"))
        granularity = window.get("granularity") if kind == "to_date" else kind.removesuffix("_to_date")
        if granularity is None:
            self.report.add(window.place, path, "rolling_window", "type to_date needs a `granularity`")
            return None
        if "trailing" in window or "leading" in window:
            self.report.add(window.place, path, "rolling_window", "trailing and leading are only for type fixed")
        return RollingWindow("to_date", granularity=granularity)

    def _multi_stage(self, item: Record) -> MultiStage | None:
        if not item.get("multi_stage"):
            return None
        order_by = []
        for entry in item.get("order_by", ()):
            sql = self.expression(entry["sql"], f"{item.path}.order_by")
            if sql is not None:
                order_by.append((sql, cast("Literal['asc', 'desc']", entry.get("dir", "asc"))))
        return MultiStage(
            group_by=self.full_names(item, "group_by") if "group_by" in item else None,
            reduce_by=self.full_names(item, "reduce_by"),
            add_group_by=self.full_names(item, "add_group_by"),
            time_shift=self._time_shifts(item),
            order_by=tuple(order_by),
            filter=self._stage(item, "filter"),
            grain=self._stage(item, "grain"),
        )

    def _stage(self, item: Record, key: str) -> Mapping[str, Any] | None:
        stage = item.get(key)
        if stage is None:
            return None
        found: dict[str, Any] = {"mode": stage.get("mode", "relative")}
        for name in ("exclude", "keep_only", "include"):
            if name == "include" and key == "filter":
                found[name] = tuple(self._policy_filter(entry) for entry in stage.get(name, ()))
            elif name in stage and stage[name] == "*":
                found[name] = "*"
            elif name in stage and all(isinstance(entry, str) for entry in stage[name]):
                found[name] = self.full_names(stage, name)
            elif name in stage:
                found[name] = stage[name]
        return found

    def _time_shifts(self, item: Record) -> tuple[TimeShift, ...]:
        shifts = []
        for entry in item.get("time_shift", ()):
            if ("interval" in entry) != ("type" in entry) or ("interval" not in entry and "name" not in entry):
                message = "give `interval` and `type`, or the `name` of a calendar's time shift"
                self.report.add(entry.place, f"{item.path}.time_shift", "time_shift", message)
                continue
            names = (
                self.full_names(_one(entry, "time_dimension"), "time_dimension") if "time_dimension" in entry else ()
            )
            sql = self.expression(entry.get("sql"), f"{item.path}.time_shift.sql")
            shifts.append(TimeShift(names[0] if names else None, entry.get("interval"), entry.get("type"),
                                    entry.get("name"), sql))  # fmt: skip
        return tuple(shifts)

    def _mask(self, item: Record) -> Sql | str | float | bool | None:
        mask = item.get("mask")
        if isinstance(mask, Record):
            return self.expression(mask["sql"], f"{item.path}.mask")
        if isinstance(mask, str):
            return self._literal(mask, item)
        return cast("float | bool | None", mask)

    def _literal(self, text: str, item: Record) -> str | float | bool | None:
        """A mask that is text: an expression, as in Cube, so that a text has quotes of its own."""
        known: dict[str, bool] = {"true": True, "false": False}
        try:
            value = known[text.strip()] if text.strip() in known else ast.literal_eval(text.strip())
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
            value = None
        if isinstance(value, (str, int, float)):
            return value
        message = (
            f"`{text}` is not a constant: write a text in quotes of its own (mask: \"'{text}'\"), a number, a boolean"
        )
        self.report.add(item.place_of("mask"), f"{item.path}.mask", "mask", message)
        return None

    def _dimension(self, item: Record) -> Dimension:
        self._check_dimension(item)
        common = self._common(item)
        primary_key = item.get("primary_key", False)
        common["public"] = item.get("public", item.get("shown", not primary_key))
        return Dimension(
            **common,
            type=item["type"],
            primary_key=primary_key,
            case=self._case(item),
            latitude=self._coordinate(item, "latitude"),
            longitude=self._coordinate(item, "longitude"),
            granularities=self._granularities(item),
            sub_query=item.get("sub_query", False),
            propagate_filters_to_sub_query=item.get("propagate_filters_to_sub_query", False),
            values=tuple(str(value) for value in item.get("values", ())),
            multi_stage=self._multi_stage(item),
            time_shift=self._time_shifts(item),
            format=_plain(item["format"]) if "format" in item else None,
            currency=item.get("currency"),
            order=item.get("order"),
            key=self.full_names(_one(item, "key"), "key")[0] if "key" in item else None,
            suggest_filter_values=item.get("suggest_filter_values", item.get("enable_suggestions", True)),
            values_as_segments=item.get("values_as_segments", False),
            links=tuple(self._link(link) for link in item.get("links", ())),
            mask=self._mask(item),
        )

    def _check_dimension(self, item: Record) -> None:
        kind = item["type"]
        needed = {"geo": ("latitude", "longitude"), "switch": ("values",)}.get(kind)
        missing = [key for key in needed or () if key not in item]
        if needed is None and not any(key in item for key in ("sql", "case")):
            missing = ["sql"]
        for key in missing:
            self.report.add(item.place, item.path, "required", f"`{key}` is missing: a {kind} dimension needs it")
        if "granularities" in item and kind != "time":
            message = "granularities are only for time dimensions"
            self.report.add(item.place_of("granularities"), f"{item.path}.granularities", "time_only", message)

    def _coordinate(self, item: Record, key: str) -> Sql | None:
        return self.expression(item[key]["sql"], f"{item.path}.{key}") if key in item else None

    def _granularities(self, item: Record) -> tuple[Granularity, ...]:
        return tuple(self._granularity(entry) for entry in item.get("granularities", ()))

    def _granularity(self, entry: Record) -> Granularity:
        interval = entry.get("interval")
        if interval is not None and "origin" not in entry and not divides_parent(parse_interval(interval)):
            message = f"buckets of `{interval}` do not fill a larger unit, so they need an `origin` to start from"
            self.report.add(entry.place, entry.path, "granularity_interval", message)
        if interval is not None and len({is_of_months(unit) for _, unit in parse_interval(interval)}) > 1:
            message = f"buckets of `{interval}` have no width: months are not made of days; say one or the other"
            self.report.add(entry.place, entry.path, "granularity_interval", message)
        if "sql" in entry and entry["name"] not in GRANULARITIES:
            message = "`sql` may only redefine a granularity that exists (day, week, month, ...)"
            self.report.add(entry.place, entry.path, "granularity_sql", message)
        return Granularity(
            name=entry["name"],
            title=entry.get("title") or titleize(entry["name"]),
            interval=interval,
            offset=entry.get("offset"),
            origin=entry.get("origin"),
            sql=self.expression(entry.get("sql"), f"{entry.path}.sql"),
        )

    def _link(self, link: Record) -> Link:
        return Link(
            name=link["name"],
            label=link["label"],
            url=link.get("url"),
            dashboard=link.get("dashboard"),
            icon=link.get("icon"),
            target=link.get("target"),
            primary=link.get("primary", False),
            params=tuple((param["key"], param["value"]) for param in link.get("params", ())),
        )

    def _case(self, item: Record) -> Case | None:
        case = item.get("case")
        if case is None:
            return None
        path = f"{item.path}.case"
        switch = self.expression(case.get("switch"), f"{path}.switch")
        branches = tuple(self._branch(entry, path, switched="switch" in case) for entry in case["when"])
        otherwise = case.get("else")
        result = None if otherwise is None else self._result(otherwise, path)
        return Case(branches, result, switch)

    def _branch(self, entry: Record, path: str, *, switched: bool) -> CaseWhen:
        wanted = ("value", "sql") if switched else ("sql", "label")
        for key in wanted:
            if key not in entry:
                self.report.add(entry.place, f"{path}.when", "required", f"`{key}` is missing")
        if switched:
            return CaseWhen(None, str(entry.get("value")), self.expression(entry.get("sql"), f"{path}.when.sql") or "")
        condition = self.expression(entry.get("sql"), f"{path}.when.sql")
        return CaseWhen(condition, None, self._label(entry.get("label", ""), path))

    def _result(self, entry: Record, path: str) -> Sql | str | None:
        if "sql" in entry:
            return self.expression(entry["sql"], f"{path}.else.sql")
        return self._label(entry.get("label", ""), path)

    def _label(self, label: Any, path: str) -> Sql | str:
        if isinstance(label, Record):
            return self.expression(label["sql"], f"{path}.label") or ""
        return str(label)

    # The rest of a cube

    def _joins(self) -> tuple[Join, ...]:
        joins: dict[str, Join] = {}
        for item in self.record.get("joins", ()):
            target = item["name"]
            if target not in self.names.members:
                self.report.add(item.place, item.path, "unknown_cube", f"joins cube {target}, which does not exist")
                continue
            if target in joins:
                message = f"{self.name} joins {target} twice; only one join per pair of cubes can be told apart"
                self.report.add(item.place, item.path, "duplicate_join", message)
                continue
            sql = self.expression(item["sql"], f"{item.path}.sql")
            if sql is not None:
                joins[target] = Join(self.name, target, item["relationship"], sql, item.place)
        return tuple(joins.values())

    def _hierarchy(self, item: Record) -> Hierarchy:
        levels = self.full_names(item, "levels")
        return Hierarchy(item["name"], item.get("title"), levels, item.get("public", True), item.place)

    def _pre_aggregation(self, item: Record) -> PreAggregation:
        kind = item.get("type", "rollup")
        options = {
            key: _plain(item[key])
            for key in item.values
            if key not in ("name", "type", "measures", "dimensions", "segments", "rollups", "time_dimension",
                           "time_dimensions", "granularity")
        }  # fmt: skip
        if "granularity" in item and "time_dimension" not in item:
            message = "`granularity` is of a `time_dimension`, which is missing"
            self.report.add(item.place_of("granularity"), item.path, "granularity", message)
        rollups = tuple(
            name if "." in name else f"{self.name}.{name}"
            for name in (rollup.replace("CUBE.", f"{self.name}.") for rollup in item.get("rollups", ()))
        )
        if kind in ("rollup_join", "rollup_lambda") and not rollups:
            self.report.add(item.place, item.path, "required", f"`rollups` is missing: a {kind} needs it")
        return PreAggregation(
            cube=self.name,
            name=item["name"],
            type=kind,
            place=item.place,
            measures=self.full_names(item, "measures"),
            dimensions=self.full_names(item, "dimensions"),
            segments=self.full_names(item, "segments"),
            time_dimensions=self._rollup_times(item),
            rollups=rollups,
            partition_granularity=item.get("partition_granularity"),
            allow_non_strict_date_range_match=item.get("allow_non_strict_date_range_match", False),
            union_with_source_data=item.get("union_with_source_data", False),
            options=options,
        )

    def _rollup_times(self, item: Record) -> tuple[RollupTime, ...]:
        if "time_dimensions" in item:
            return tuple(
                RollupTime(self.full_name(entry["dimension"], entry.place, entry.path), entry["granularity"])
                for entry in item["time_dimensions"]
            )
        if "time_dimension" not in item:
            return ()
        name = self.full_name(item["time_dimension"], item.place_of("time_dimension"), item.path)
        if "granularity" not in item and item.get("type", "rollup") == "rollup":
            self.report.add(item.place, item.path, "required", "`granularity` is missing beside `time_dimension`")
        return (RollupTime(name, item.get("granularity", "")),)

    # Access policies

    def access_policy(self) -> tuple[AccessPolicy, ...]:
        return tuple(self._policy(item) for item in self.record.get("access_policy", ()))

    def _policy(self, item: Record) -> AccessPolicy:
        groups = item.get("groups") or (item.get("group"),)
        rows = item.get("row_level")
        if "member_masking" in item and "member_level" not in item:
            message = "member_masking needs a member_level"
            self.report.add(item.place_of("member_masking"), item.path, "member_masking", message)
        return AccessPolicy(
            groups=tuple(groups),
            place=item.place,
            conditions=tuple(str(entry["if"]) for entry in item.get("conditions", ())),
            member_level=self._selection(item, "member_level"),
            member_masking=self._selection(item, "member_masking"),
            row_filters=tuple(self._policy_filter(entry) for entry in (rows.get("filters", ()) if rows else ())),
            allow_all_rows=bool(rows and rows.get("allow_all")),
        )

    def _selection(self, item: Record, key: str) -> MemberSelection | None:
        selection = item.get(key)
        if selection is None:
            return None
        includes = None if selection.get("includes", "*") == "*" else self.full_names(selection, "includes")
        excludes = None if selection.get("excludes") == "*" else self.full_names(selection, "excludes")
        return MemberSelection(includes, excludes)

    def _policy_filter(self, entry: Record) -> PolicyFilter:
        connectors: tuple[Literal["and", "or"], ...] = ("and", "or")
        for connector in connectors:
            if connector in entry:
                children = tuple(self._policy_filter(child) for child in entry[connector])
                return PolicyFilter(connector=connector, children=children)
        operator = entry["operator"]
        values = entry.get("values", ())
        if operator not in ("set", "notSet") and "values" not in entry:
            self.report.add(entry.place, entry.path, "required", f"`values` is missing: {operator} needs them")
        owner, dot, _ = entry["member"].rpartition(".")
        if dot and owner not in ("CUBE", self.name):
            message = f"`{entry['member']}` belongs to another cube; a policy filters by members of its own"
            self.report.add(entry.place_of("member"), f"{entry.path}.member", "policy_member", message)
        member = self.full_name(entry["member"], entry.place_of("member"), f"{entry.path}.member")
        return PolicyFilter(member, operator, values if isinstance(values, tuple) else (values,))


def _one(record: Record, key: str) -> Record:
    """The record with a single name under `key` turned into a list of one."""
    return Record({**record.values, key: (record[key],)}, record.places, record.place, record.path)


def _plain(value: Any) -> Any:
    """Records and snippets as plain values, for what is only passed on."""
    if isinstance(value, Record):
        return {key: _plain(entry) for key, entry in value.values.items()}
    if isinstance(value, Snippet):
        return value.text
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return {} if value is None else value
