"""Which properties each object of the data model has, and what each takes: Cube's reference as a table."""

from __future__ import annotations

import re

from semantic.datamodel.intervals import is_interval, is_origin
from semantic.datamodel.nodes import Node
from semantic.datamodel.shapes import (
    INVALID,
    Reader,
    Report,
    Shape,
    any_text,
    anything,
    boolean,
    either,
    identifier,
    list_of,
    mapping,
    matching,
    member_name,
    meta_with,
    number,
    one_of,
    scalar,
    sql,
    text,
)  # fmt: skip

GRANULARITIES = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
MEASURE_TYPES = (
    "count", "count_distinct", "count_distinct_approx", "sum", "avg", "min", "max", "number", "string", "boolean",
    "time", "number_agg", "rank",
)  # fmt: skip
OPERATORS = (
    "equals", "notEquals", "contains", "notContains", "startsWith", "notStartsWith", "endsWith", "notEndsWith", "in",
    "notIn", "gt", "gte", "lt", "lte", "set", "notSet", "inDateRange", "notInDateRange", "onTheDate", "beforeDate",
    "beforeOrOnDate", "afterDate", "afterOrOnDate", "measureFilter",
)  # fmt: skip

_CAMEL_TYPES = {"countDistinct": "count_distinct", "countDistinctApprox": "count_distinct_approx",
                "numberAgg": "number_agg"}  # fmt: skip
_RELATIONSHIPS = {
    "many_to_one": "many_to_one", "one_to_many": "one_to_many", "one_to_one": "one_to_one",
    "belongs_to": "many_to_one", "has_many": "one_to_many", "has_one": "one_to_one",
    "manyToOne": "many_to_one", "oneToMany": "one_to_many", "oneToOne": "one_to_one",
    "belongsTo": "many_to_one", "hasMany": "one_to_many", "hasOne": "one_to_one",
}  # fmt: skip

interval = matching(is_interval, "interval", "is not an interval like `1 month`")
signed_interval = interval
window_bound = matching(lambda value: value == "unbounded" or is_interval(value), "interval",
                        "is neither an interval like `7 day` nor `unbounded`")  # fmt: skip
origin = matching(is_origin, "origin", "is no date like `2024-02-01` and no time like `2024-02-01 06:00`")
granularity = one_of(*GRANULARITIES)
currency = matching(lambda value: re.fullmatch("[A-Za-z]{3}", value) is not None, "currency",
                    "is not a currency code of three letters")  # fmt: skip


def _renamed(names: dict[str, str], choices: tuple[str, ...]) -> Reader:
    read_choice = one_of(*choices)

    def read(node: Node, path: str, report: Report) -> object:
        if isinstance(node.value, str) and node.value in names:
            return names[node.value]
        return read_choice(node, path, report)

    return read


def description(node: Node, path: str, report: Report) -> object:
    """A text without references: real Cube resolves braces in any text, and would fail."""
    return _without_braces(any_text(node, path, report), node, path, report)


def title(node: Node, path: str, report: Report) -> object:
    """A non-empty text without references."""
    return _without_braces(text(node, path, report), node, path, report)


def _without_braces(value: object, node: Node, path: str, report: Report) -> object:
    if isinstance(value, str) and re.search(r"(?<!\\){", value):
        report.add(node.place, path, "braces", "`{` begins a reference, which makes no sense in this text")
        return INVALID
    return value


def measure_format(node: Node, path: str, report: Report) -> object:
    """A name (`percent`, `currency`) or a d3 format."""
    return text(node, path, report)


def dimension_format(node: Node, path: str, report: Report) -> object:
    """A name, a d3 or strftime format, or the mapping of a link."""
    return either(scalars=text, mappings=Shape({"type": text, "label": any_text, "value": text}))(node, path, report)


def star_or(reader: Reader) -> Reader:
    """`"*"` or a list."""
    return either(scalars=one_of("*"), lists=list_of(reader))


sql_object = Shape({"sql": sql}, required=("sql",))
label = either(scalars=any_text, mappings=sql_object)
mask = either(scalars=scalar, mappings=sql_object)

case = Shape(
    {
        "switch": sql,
        "when": list_of(
            Shape({"sql": sql, "label": label, "value": scalar}, at_most_one=(("label", "value"),)), at_least=1
        ),
        "else": Shape({"label": label, "sql": sql}, exactly_one=(("label", "sql"),)),
    },
    required=("when",),
)

time_shift = list_of(
    Shape(
        {
            "time_dimension": member_name,
            "interval": interval,
            "type": one_of("prior", "next"),
            "name": identifier,
            "sql": sql,
        }
    ),
    at_least=1,
)

rolling_window = Shape(
    {
        "type": one_of("fixed", "to_date", "year_to_date", "quarter_to_date", "month_to_date"),
        "trailing": window_bound,
        "leading": window_bound,
        "offset": one_of("start", "end"),
        "granularity": granularity,
    }
)

_common = {
    "name": identifier,
    "sql": sql,
    "title": title,
    "description": description,
    "public": boolean,
    "shown": boolean,
    "aliases": list_of(text),
    "meta": mapping,
}


def policy_filter(node: Node, path: str, report: Report) -> object:
    """A row-level filter, or a nest of them under `and`/`or`."""
    if node.get("and") is not None or node.get("or") is not None:
        return _policy_nest(node, path, report)
    return _policy_condition(node, path, report)


_policy_nest = Shape({"and": list_of(policy_filter), "or": list_of(policy_filter)}, exactly_one=(("and", "or"),))
_policy_condition = Shape(
    {
        "member": member_name,
        "operator": one_of(*OPERATORS),
        "values": either(scalars=scalar, lists=list_of(scalar)),
    },
    required=("member", "operator"),
)

_stage_filter = Shape(
    {
        "mode": one_of("relative", "fixed"),
        "exclude": star_or(member_name),
        "keep_only": star_or(member_name),
        "include": list_of(policy_filter),
    },
    at_most_one=(("exclude", "keep_only"),),
)
_stage_grain = Shape(
    {
        "exclude": star_or(member_name),
        "keep_only": star_or(member_name),
        "include": list_of(member_name),
    },
    at_most_one=(("exclude", "keep_only"),),
)

# What other engines' models say of a measure, and Cube has no property for.
measure_meta = Shape(
    {
        "non_additive_dimension": Shape(
            {
                "name": member_name,
                "window_choice": one_of("min", "max"),
                "window_groupings": list_of(member_name),
            },
            required=("name", "window_choice"),
        ),
        "join_to_timespine": boolean,
        "fill_nulls_with": number,
    }
)

measure = Shape(
    {
        **_common,
        "meta": meta_with(measure_meta),
        "type": _renamed(_CAMEL_TYPES, MEASURE_TYPES),
        "format": measure_format,
        "currency": currency,
        "visible": boolean,
        "filters": list_of(sql_object),
        "rolling_window": rolling_window,
        "drill_members": list_of(member_name),
        "drill_member_references": list_of(member_name),
        "drill_filters": list_of(sql_object),
        "cumulative": boolean,
        "mask": mask,
        "multi_stage": boolean,
        "group_by": list_of(member_name),
        "reduce_by": list_of(member_name),
        "add_group_by": list_of(member_name),
        "filter": _stage_filter,
        "grain": _stage_grain,
        "time_shift": time_shift,
        "order_by": list_of(Shape({"sql": sql, "dir": one_of("asc", "desc")}, required=("sql",))),
        "case": case,
    },
    required=("name", "type"),
)

custom_granularity = Shape(
    {
        "name": identifier,
        "title": title,
        "interval": interval,
        "offset": signed_interval,
        "origin": origin,
        "sql": sql,
    },
    required=("name",),
    exactly_one=(("interval", "sql"),),
    at_most_one=(("offset", "origin"),),
)

dimension = Shape(
    {
        **_common,
        "type": one_of("string", "number", "boolean", "time", "geo", "switch"),
        "case": case,
        "latitude": sql_object,
        "longitude": sql_object,
        "primary_key": boolean,
        "format": dimension_format,
        "currency": currency,
        "order": one_of("asc", "desc"),
        "key": member_name,
        "values_as_segments": boolean,
        "suggest_filter_values": boolean,
        "enable_suggestions": boolean,
        "links": list_of(
            Shape(
                {
                    "name": identifier,
                    "label": text,
                    "url": any_text,
                    "dashboard": any_text,
                    "icon": text,
                    "target": one_of("blank", "self"),
                    "primary": boolean,
                    "params": list_of(Shape({"key": text, "value": any_text}, required=("key", "value"))),
                },
                required=("name", "label"),
                exactly_one=(("url", "dashboard"),),
            )
        ),
        "mask": mask,
        "sub_query": boolean,
        "propagate_filters_to_sub_query": boolean,
        "field_type": text,
        "granularities": list_of(custom_granularity),
        "values": list_of(scalar, at_least=1),
        "multi_stage": boolean,
        "add_group_by": list_of(member_name),
        "filter": _stage_filter,
        "time_shift": time_shift,
    },
    required=("name", "type"),
    at_most_one=(("sql", "case", "latitude"),),
)

segment = Shape(dict(_common), required=("name", "sql"))

join = Shape(
    {
        "name": identifier,
        "sql": sql,
        "relationship": _renamed(_RELATIONSHIPS, ("many_to_one", "one_to_many", "one_to_one")),
    },
    required=("name", "sql", "relationship"),
)

hierarchy = Shape(
    {"name": identifier, "title": title, "public": boolean, "levels": list_of(member_name, at_least=1)},
    required=("name", "levels"),
)

_refresh_key = Shape(
    {
        "every": text,
        "timezone": text,
        "sql": sql,
        "immutable": boolean,
        "incremental": boolean,
        "update_window": interval,
    }
)

pre_aggregation = Shape(
    {
        "name": identifier,
        "type": _renamed(
            {"rollupJoin": "rollup_join", "rollupLambda": "rollup_lambda", "originalSql": "original_sql",
             "autoRollup": "auto_rollup"},
            ("rollup", "rollup_join", "rollup_lambda", "original_sql", "auto_rollup"),
        ),
        "measures": list_of(member_name),
        "dimensions": list_of(member_name),
        "segments": list_of(member_name),
        "time_dimension": member_name,
        "granularity": identifier,
        "time_dimensions": list_of(
            Shape({"dimension": member_name, "granularity": identifier}, required=("dimension", "granularity"))
        ),
        "rollups": list_of(member_name),
        "refresh_key": _refresh_key,
        "sql_alias": text,
        "external": boolean,
        "scheduled_refresh": boolean,
        "partition_granularity": one_of("hour", "day", "week", "month", "quarter", "year"),
        "build_range_start": sql_object,
        "build_range_end": sql_object,
        "refresh_range_start": sql_object,
        "refresh_range_end": sql_object,
        "use_original_sql_pre_aggregations": boolean,
        "indexes": list_of(anything),
        "read_only": boolean,
        "stream_offset": one_of("earliest", "latest"),
        "output_column_types": list_of(anything),
        "unique_key_columns": list_of(text),
        "allow_non_strict_date_range_match": boolean,
        "union_with_source_data": boolean,
        "max_pre_aggregations": number,
    },
    required=("name",),
    at_most_one=(("time_dimension", "time_dimensions"),),
)  # fmt: skip


_selection = Shape({"includes": star_or(member_name), "excludes": star_or(member_name)})

access_policy = Shape(
    {
        "group": text,
        "groups": list_of(text, at_least=1),
        "conditions": list_of(Shape({"if": either(scalars=scalar)}, required=("if",))),
        "member_level": _selection,
        "member_masking": _selection,
        "row_level": Shape(
            {"filters": list_of(policy_filter), "allow_all": boolean}, exactly_one=(("filters", "allow_all"),)
        ),
    },
    exactly_one=(("group", "groups"),),
)

cube = Shape(
    {
        "name": identifier,
        "sql": sql,
        "sql_table": sql,
        "sql_alias": text,
        "extends": member_name,
        "title": title,
        "description": description,
        "public": boolean,
        "shown": boolean,
        "data_source": text,
        "refresh_key": _refresh_key,
        "rewrite_queries": boolean,
        "meta": mapping,
        "calendar": boolean,
        "joins": list_of(join),
        "measures": list_of(measure),
        "dimensions": list_of(dimension),
        "segments": list_of(segment),
        "hierarchies": list_of(hierarchy),
        "pre_aggregations": list_of(pre_aggregation),
        "access_policy": list_of(access_policy),
    },
    required=("name",),
    exactly_one=(("sql", "sql_table"),),
)

view_member = Shape(
    {"name": member_name, "alias": identifier, "title": title, "description": description, "format": anything,
     "meta": mapping},
    required=("name",),
)  # fmt: skip

view_cube = Shape(
    {
        "join_path": member_name,
        "includes": star_or(either(scalars=member_name, mappings=view_member)),
        "excludes": list_of(member_name),
        "prefix": boolean,
        "split": boolean,
        "alias": identifier,
    },
    required=("join_path", "includes"),
    at_most_one=(("prefix", "split"),),
)


def folder(node: Node, path: str, report: Report) -> object:
    """A folder of a view, which may hold folders."""
    return _folder(node, path, report)


def _folder_item(node: Node, path: str, report: Report) -> object:
    if node.get("join_path") is not None:
        return Shape({"join_path": member_name}, required=("join_path",))(node, path, report)
    return folder(node, path, report)


_folder = Shape(
    {"name": text, "includes": star_or(either(scalars=member_name, mappings=_folder_item))},
    required=("name", "includes"),
)

default_filter = Shape(
    {
        "member": member_name,
        "operator": one_of(*OPERATORS),
        "values": either(scalars=scalar, lists=list_of(scalar)),
        "unless": either(scalars=member_name, lists=list_of(member_name)),
    },
    required=("member", "operator"),
)

view = Shape(
    {
        "name": identifier,
        "cubes": list_of(view_cube),
        "folders": list_of(folder),
        "default_filters": list_of(default_filter),
        "view_group": identifier,
        "view_groups": list_of(identifier),
        "extends": member_name,
        "title": title,
        "description": description,
        "public": boolean,
        "shown": boolean,
        "meta": mapping,
        "access_policy": list_of(access_policy),
        "measures": list_of(measure),
        "dimensions": list_of(dimension),
        "segments": list_of(segment),
    },
    required=("name",),
)


def view_group(node: Node, path: str, report: Report) -> object:
    """A group of views, which may hold groups."""
    return _view_group(node, path, report)


_view_group = Shape(
    {
        "name": identifier,
        "title": title,
        "description": description,
        "includes": list_of(either(scalars=identifier, mappings=view_group)),
        "views": list_of(identifier),
    },
    required=("name",),
    at_most_one=(("includes", "views"),),
)
