"""`core.sources`: the declarations of ingestion/sources as rows, so that models can join what a source says."""

from __future__ import annotations

from pathlib import Path

import yaml
from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

DECLARATIONS = Path(__file__).resolve().parents[3] / "ingestion" / "sources"


def declared_sources() -> list[list[str]]:
    """Name, description and meaning of counts, for every declared source."""
    rows = []
    for path in sorted(DECLARATIONS.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        sampled = [table["sampling"]["count_is"] for table in content["tables"].values() if "sampling" in table]
        rows.append([content["source"], content["description"], sampled[0] if sampled else "observed"])
    return rows


SOURCES = declared_sources()


@model(
    "core.sources",
    is_sql=True,
    kind={"name": ModelKindName.VIEW},
    description="One row per source, as ingestion/sources declares it.",
    grains=["record_source"],
    audits=[("contract_errors", {"of": exp.column("sources", table="core")})],
    columns={"record_source": "STRING", "source_description": "STRING", "count_is": "STRING"},
    column_descriptions={
        "record_source": "Name of the source.",
        "source_description": "What the source tells about.",
        "count_is": "Whether its counts are as observed, or extrapolated from the sample already.",
    },
)
def sources(_: MacroEvaluator) -> exp.Expr:
    names = ("record_source", "source_description", "count_is")
    rows = [
        exp.select(*(exp.Literal.string(value).as_(name) for name, value in zip(names, row, strict=True)))
        for row in SOURCES
    ]
    return exp.union(*rows, distinct=False) if len(rows) > 1 else rows[0]
