"""The data model as `/meta` describes it: what the caller may see, in Cube's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from semantic.datamodel.types import (
    Case,
    Cube,
    DataModel,
    Dimension,
    Folder,
    Join,
    Link,
    Measure,
    Member,
    PreAggregation,
    Segment,
    Sql,
)
from semantic.rest.members import (
    Json,
    alias_target,
    common,
    currency,
    custom_granularity,
    describe_format,
    describe_number_format,
    drill_members,
    drop_absent,
    value_type,
)

Visible = Callable[[Member], bool]
"""Whether the caller may see a member."""

_RELATIONSHIPS = {"many_to_one": "belongsTo", "one_to_many": "hasMany", "one_to_one": "hasOne"}


def describe_model(
    model: DataModel, visible: Visible, *, extended: bool = False, only_views: bool = False
) -> dict[str, object]:
    """The body of `/meta`. `extended` adds SQL, files, joins and pre-aggregations; hidden cubes are left out."""
    cubes = [cube for cube in model.cubes.values() if cube.public and (cube.is_view or not only_views)]
    return {"cubes": [_describe_cube(model, cube, visible, extended=extended) for cube in cubes]}


def _describe_cube(model: DataModel, cube: Cube, visible: Visible, *, extended: bool) -> Json:
    described = drop_absent(
        {
            "name": cube.name,
            "type": "view" if cube.is_view else "cube",
            "title": cube.title,
            "isVisible": True,
            "public": True,
            "description": cube.description,
            "connectedComponent": None if cube.is_view else model.connected_components.get(cube.name),
            "meta": dict(cube.meta) or None,
            "viewGroups": list(cube.view_groups) or None,
        }
    )
    described["measures"] = [_measure(model, one, extended) for one in cube.measures.values() if visible(one)]
    described["dimensions"] = [_dimension(one, extended) for one in cube.dimensions.values() if visible(one)]
    described["segments"] = [_segment(one, extended) for one in cube.segments.values() if visible(one)]
    described["hierarchies"] = [_hierarchy(cube, index) for index in range(len(cube.hierarchies))]
    described["folders"] = [{"name": one.name, "members": _flat(one)} for one in cube.folders]
    described["nestedFolders"] = [_folder(one) for one in cube.folders]
    return described | (_extension(cube) if extended else {})


def _extension(cube: Cube) -> dict[str, object]:
    return drop_absent(
        {
            "sql": _template(cube.sql),
            "fileName": cube.place.file,
            "refreshKey": _camel_keys(cube.refresh_key) or None,
            "joins": [_join(one) for one in cube.joins],
            "preAggregations": [_pre_aggregation(one) for one in cube.pre_aggregations],
        }
    )


def _measure(model: DataModel, measure: Measure, extended: bool) -> Json:
    # Cube says so of a cube's own measures only.
    cumulative = measure.rolling_window is not None and measure.alias_of is None
    described = _member(measure) | drop_absent(
        {
            "format": describe_format(measure),
            "formatDescription": describe_number_format(measure),
            "currency": currency(measure),
            "cumulativeTotal": cumulative,
            "cumulative": cumulative,
            "type": value_type(measure),
            "aggType": _camel(measure.type),
            "aliasMember": alias_target(measure),
        }
    )
    described |= drill_members(model, measure)
    if extended and measure.alias_of is None:
        filters = [{"sql": _template(one)} for one in measure.filters]
        described |= drop_absent({"sql": _template(measure.sql), "filters": filters or None})
    return described


def _dimension(dimension: Dimension, extended: bool) -> Json:
    described = _member(dimension) | drop_absent(
        {
            "type": value_type(dimension),
            "suggestFilterValues": dimension.suggest_filter_values,
            "format": describe_format(dimension),
            "formatDescription": describe_number_format(dimension),
            "currency": currency(dimension),
            "order": dimension.order,
            "key": dimension.key,
            "primaryKey": dimension.primary_key,
            "aliasMember": alias_target(dimension),
            "granularities": [custom_granularity(one) for one in dimension.granularities] or None,
            "links": [_link(one) for one in dimension.links] or None,
            "synthetic": True if dimension.synthetic else None,
        }
    )
    if extended and dimension.alias_of is None:
        described |= drop_absent({"sql": _template(dimension.sql), "case": _case(dimension.case)})
    return described


def _segment(segment: Segment, extended: bool) -> Json:
    described = _member(segment)
    return described | drop_absent({"sql": _template(segment.sql) if extended and not segment.alias_of else None})


def _member(member: Member) -> dict[str, object]:
    return {"name": member.full_name} | common(member) | {"isVisible": True, "public": True}


def _link(link: Link) -> Json:
    return drop_absent(
        {
            "name": link.name,
            "label": link.label,
            "dashboard": link.dashboard,
            "icon": link.icon,
            "target": link.target,
            "primary": True if link.primary else None,
            "params": [key for key, _ in link.params] or None,
        }
    )


def _hierarchy(cube: Cube, index: int) -> Json:
    """Under an access policy Cube never lists a hierarchy as public: policies name members, not hierarchies."""
    hierarchy = cube.hierarchies[index]
    name = hierarchy.name if "." in hierarchy.name else f"{cube.name}.{hierarchy.name}"
    public = hierarchy.public and not cube.access_policy
    return drop_absent(
        {
            "name": name,
            "title": hierarchy.title,
            "aliasMember": hierarchy.alias_of,
            "levels": list(hierarchy.levels),
            "public": public,
        }
    )


def _folder(folder: Folder) -> Json:
    members = [_folder(one) if isinstance(one, Folder) else one for one in folder.members]
    return {"name": folder.name, "members": members}


def _flat(folder: Folder) -> list[str]:
    nested = [_flat(one) if isinstance(one, Folder) else [one] for one in folder.members]
    return [member for members in nested for member in members]


def _join(join: Join) -> Json:
    return {"name": join.target, "relationship": _RELATIONSHIPS[join.relationship], "sql": _template(join.sql)}


def _pre_aggregation(rollup: PreAggregation) -> Json:
    return drop_absent(
        {
            "name": rollup.name,
            "type": _camel(rollup.type),
            "measures": list(rollup.measures) or None,
            "dimensions": list(rollup.dimensions) or None,
            "segments": list(rollup.segments) or None,
            "timeDimensions": [
                {"dimension": one.dimension, "granularity": one.granularity} for one in rollup.time_dimensions
            ]
            or None,
            "rollups": list(rollup.rollups) or None,
            "partitionGranularity": rollup.partition_granularity,
        }
    )


def _case(case: Case | None) -> Json | None:
    if case is None:
        return None
    when = [drop_absent({"sql": _template(one.condition), "label": _label(one.result)}) for one in case.when]
    return drop_absent({"when": when, "else": {"label": _label(case.otherwise)} if case.otherwise else None})


def _label(result: Sql | str | None) -> object:
    return {"sql": _template(result)} if isinstance(result, Sql) else result


def _template(sql: Sql | None) -> str | None:
    """A snippet as Cube prints it, a JavaScript template: `{CUBE}.name` becomes `${CUBE}.name` in backticks."""
    return None if sql is None else "`" + sql.text.replace("{", "${") + "`"


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)


def _camel_keys(content: Mapping[str, object]) -> dict[str, object]:
    return {_camel(name): value for name, value in content.items()}
