"""Writes external_models.yaml: the raw tables as SQLMesh sees them, taken from the raw contracts.

The contracts are the one statement of the raw columns; run `python -m sqlmesh_project.external` after one has changed.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from contracts.base import Contract
from contracts.registry import all_contracts

EXTERNAL_MODELS = Path(__file__).parent / "external_models.yaml"
_HEADER = "# Made from contracts/raw by `python -m sqlmesh_project.external`: change the contracts, not this file.\n"


def external_model(contract: type[Contract]) -> dict[str, object]:
    """One raw table in the form that SQLMesh reads."""
    columns = contract.columns()
    return {
        "name": contract.terms().name,
        "description": contract.terms().description,
        "columns": {column.name: column.type.sql_name for column in columns},
    }


def external_models() -> str:
    """The text of external_models.yaml."""
    models = [external_model(contract) for contract in all_contracts() if contract.terms().layer == "raw"]
    return _HEADER + yaml.safe_dump(models, sort_keys=False, width=120)


if __name__ == "__main__":
    EXTERNAL_MODELS.write_text(external_models(), encoding="utf-8")
