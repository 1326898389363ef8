"""Times MetricFlow on the benchmark's tasks: the same 80 measures as its own YAML, without dbt or a database."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import yaml
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.parsing.dir_to_model import parse_directory_of_yaml_files_to_semantic_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from benchmarks.wide_model import CUBES, Query, data_model, tasks

# It may take a tenth of a second for one query.
LIMIT = 40
AGGREGATIONS = {"count": "count", "sum": "sum", "avg": "average", "min": "min", "max": "max"}


class DuckDbClient:
    """What MetricFlow asks of a database when it only explains."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"


def documents() -> list[dict[str, Any]]:
    cubes = yaml.safe_load(data_model())["cubes"]
    found: list[dict[str, Any]] = [{"semantic_model": _semantic_model(cube)} for cube in cubes]
    found += [{"metric": _metric(cube["name"], measure)} for cube in cubes for measure in cube.get("measures", ())]
    spine = {"location": "shop.days", "column_name": "day", "grain": "day"}
    return [*found, {"project_configuration": {"time_spine_table_configurations": [spine]}}]


def _semantic_model(cube: dict[str, Any]) -> dict[str, Any]:
    name = cube["name"]
    entities = [{"name": name, "type": "primary", "expr": "id"}]
    entities += [
        {"name": target, "type": "foreign", "expr": f"{target}_id"}
        for target, kind in CUBES[name]
        if kind != "one_to_many"
    ]
    # A one-to-many join is declared by the other side here.
    entities += [
        {"name": other, "type": "foreign", "expr": f"{other}_id"}
        for other, joins in CUBES.items()
        if (name, "one_to_many") in joins
    ]
    dimensions: list[dict[str, Any]] = [{"name": f"d{n}", "type": "categorical"} for n in range(6)]
    dimensions.append({"name": "happened_at", "type": "time", "type_params": {"time_granularity": "day"}})
    return {
        "name": name,
        "node_relation": {"alias": name, "schema_name": "shop"},
        "defaults": {"agg_time_dimension": "happened_at"},
        "entities": entities,
        "dimensions": dimensions,
        "measures": [_measure(name, m) for m in cube.get("measures", ()) if m["type"] != "number"],
    }


def _measure(cube: str, measure: dict[str, Any]) -> dict[str, Any]:
    expression = measure.get("sql", "1").replace("{CUBE}.", "")
    return {
        "name": f"{cube}_{measure['name']}_raw",
        "agg": AGGREGATIONS.get(measure["type"], "count_distinct"),
        "expr": expression,
    }


def _metric(cube: str, measure: dict[str, Any]) -> dict[str, Any]:
    name = f"{cube}_{measure['name']}"
    if measure["type"] == "number":
        upper = measure["sql"].split("{")[1].split("}")[0]
        params: dict[str, Any] = {"numerator": {"name": f"{cube}_{upper}"}, "denominator": {"name": f"{cube}_m0"}}
        return {"name": name, "type": "ratio", "type_params": params}
    metric: dict[str, Any] = {"name": name, "type": "simple", "type_params": {"measure": {"name": f"{name}_raw"}}}
    filtered = "{{ Dimension('" + cube + "__d0') }} = 'paid'"
    return metric | ({"filter": filtered} if "filters" in measure else {})


def request(query: Query) -> MetricFlowQueryRequest:
    (part,) = query["timeDimensions"]
    start, end = (datetime.fromisoformat(day) for day in part["dateRange"])
    order = [f"{'-' if way == 'desc' else ''}{_name(member)}" for member, way in query.get("order", {}).items()]
    return MetricFlowQueryRequest.create(
        metric_names=[_name(measure) for measure in query["measures"]],
        group_by_names=[*map(_name, query["dimensions"]), f"metric_time__{part['granularity']}"],
        where_constraints=[condition(entry) for entry in query["filters"] if ".m" not in entry.get("member", "")],
        time_constraint_start=start,
        time_constraint_end=end,
        order_by_names=order or None,
        limit=query["limit"],
    )


def _name(member: str) -> str:
    cube, name = member.split(".")
    return f"{cube}_{name}" if name.startswith("m") else f"{cube}__{name}"


def condition(entry: Query) -> str:
    for connector in ("and", "or"):
        if connector in entry:
            return "(" + f" {connector.upper()} ".join(map(condition, entry[connector])) + ")"
    member = "{{ Dimension('" + entry["member"].replace(".", "__") + "') }}"
    values = [value for value in entry.get("values", ()) if value is not None]
    forms = {
        "equals": f"{member} = '{''.join(values[:1])}'",
        "notEquals": f"{member} <> '{''.join(values[:1])}'",
        "contains": "(" + " OR ".join(f"{member} ILIKE '%{value}%'" for value in values) + ")",
        "set": f"{member} IS NOT NULL",
    }
    return forms[entry["operator"]]


def engine() -> MetricFlowEngine:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shop.yaml").write_text(yaml.safe_dump_all(documents(), sort_keys=False))
        built = parse_directory_of_yaml_files_to_semantic_manifest(folder)
    return MetricFlowEngine(SemanticManifestLookup(built.semantic_manifest), DuckDbClient())


def main() -> None:
    compiler = engine()
    figures = {}
    for task, (warm, queries) in tasks().items():
        # Measures of three tables by a dimension that only one of them reaches is what it has no answer to.
        if task.startswith("hard"):
            continue
        for query in warm:
            compiler.explain(request(query))
        figures[task] = []
        for given in map(request, queries[:LIMIT]):
            start = time.perf_counter()
            compiler.explain(given)
            figures[task].append((time.perf_counter() - start) * 1000)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
