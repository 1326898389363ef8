"""Times sidemantic on the benchmark's tasks: it reads the very same YAML, and takes filters as SQL text."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import sidemantic

from benchmarks.wide_model import Query, data_model, tasks


def layer() -> sidemantic.SemanticLayer:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shop.yml").write_text(data_model())
        found = sidemantic.SemanticLayer()
        sidemantic.load_from_directory(found, folder)
        return found


def arguments(query: Query) -> dict[str, object]:
    (part,) = query["timeDimensions"]
    time_dimension = part["dimension"]
    start, end = part["dateRange"]
    filters = [f"{time_dimension} >= '{start}'", f"{time_dimension} <= '{end} 23:59:59.999'"]
    return {
        "metrics": query["measures"],
        "dimensions": [*query["dimensions"], f"{time_dimension}__{part['granularity']}"],
        "filters": [*filters, *map(condition, query["filters"])],
        "order_by": [f"{member} {way}" for member, way in query.get("order", {}).items()] or None,
        "limit": query["limit"],
        "timezone": query.get("timezone"),
    }


def condition(entry: Query) -> str:
    for connector in ("and", "or"):
        if connector in entry:
            return "(" + f" {connector.upper()} ".join(map(condition, entry[connector])) + ")"
    member, values = entry["member"], [value for value in entry.get("values", ()) if value is not None]
    forms = {
        "equals": f"{member} = '{values[0] if values else ''}'",
        "notEquals": f"{member} <> '{values[0] if values else ''}'",
        "contains": "(" + " OR ".join(f"{member} ILIKE '%{value}%'" for value in values) + ")",
        "set": f"{member} IS NOT NULL",
        "gt": f"{member} > {values[0] if values else ''}",
    }
    return forms[entry["operator"]]


def main() -> None:
    compiler = layer()
    figures = {}
    for task, (warm, queries) in tasks().items():
        for query in warm:
            compiler.compile(**arguments(query))
        figures[task] = []
        for given in map(arguments, queries):
            start = time.perf_counter()
            compiler.compile(**given)
            figures[task].append((time.perf_counter() - start) * 1000)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
