"""Contracts as ODCS documents, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts import Contract, Day, Deprecation, Integer, Text, all_contracts, column, to, warn
from contracts.errors import InterchangeError
from contracts.odcs import file_name, main, to_document
from contracts.odcs_import import from_document


class Everything(
    Contract,
    layer="core",
    table="everything",
    version="3.0.1",
    owner="growth",
    key=("b", "a"),
    deprecated=Deprecation(date(2026, 1, 1), "core.all"),
    retired={"old": Deprecation(date(2025, 1, 1), "a")},
):
    """One row per thing. It has every kind of declaration."""

    a: Text = column(
        "A.", max_length=warn(9), pattern=warn("[a-z]+"), references=warn(to("raw", "shop__shops", "shop_id"))
    )
    b: Integer = column("B.", gt=warn(0), lt=7, isin=(1, 2), unit="usd", sensitivity="secret")
    c: Day = column(
        "C.", nullable=warn(False), ge=date(2020, 1, 1), optional=True, deprecated=Deprecation(date(2026, 2, 1), "a")
    )


def test_a_document_reads_back_as_it_was(visits: type[Contract]) -> None:
    for contract in (visits, Everything, *all_contracts()):
        document = yaml.safe_load(yaml.safe_dump(to_document(contract.statement())))
        assert from_document(document) == contract.statement()
        assert to_document(from_document(document)) == document


def test_the_standard_places_are_used(visits: type[Contract]) -> None:
    document = to_document(visits.statement())
    (schema,) = document["schema"]
    found: dict[str, Any] = {entry["name"]: entry for entry in schema["properties"]}
    assert (document["apiVersion"], document["kind"], document["version"]) == ("v3.1.0", "DataContract", "2.1.0")
    assert found["visit_id"]["primaryKey"] is True
    assert found["visit_id"]["logicalTypeOptions"] == {"maxLength": 8}
    assert found["minutes"]["logicalTypeOptions"] == {"exclusiveMinimum": 0, "exclusiveMaximum": 1440}
    assert found["email"]["classification"] == "personal"
    assert found["shop_id"]["relationships"][0]["to"] == "raw.shop__shops.yaml#/schema/shop__shops/properties/shop_id"
    assert found["people"]["quality"][0]["query"] == "SELECT COUNT(*) FROM ${table} WHERE NOT (${column} <= 10)"
    assert document["slaProperties"][0]["value"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "Something"}, "kind must be DataContract"),
        ({"apiVersion": "v2.2.0"}, "apiVersion v3.x"),
        ({"schema": []}, "schema has 0 tables"),
        (
            {"schema": [{"properties": [{"logicalType": "string"}]}]},
            r"raw\.shop__visits\.schema\.properties has no name",
        ),
        ({"schema": [{"properties": [{"name": "a", "logicalType": "map"}]}]}, "logicalType map are unknown"),
    ],
)
def test_what_is_no_contract_is_refused(visits: type[Contract], change: dict[str, Any], message: str) -> None:
    with pytest.raises(InterchangeError, match=message):
        from_document(to_document(visits.statement()) | change)


def test_contracts_of_others_can_be_read() -> None:
    statement = from_document(
        {
            "apiVersion": "v3.0.2",
            "kind": "DataContract",
            "version": "1.0.0",
            "name": "sales",
            "domain": "core",
            "schema": [
                {"name": "sales", "properties": [{"name": "amount", "logicalType": "number", "required": True}]}
            ],
        }
    )
    assert statement.terms.name == "core.sales"
    assert [rule.name for rule in statement.rules] == ["not_null"]


def test_all_contracts_are_written_as_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {file_name(to_document(contract.statement())) for contract in all_contracts()}
    assert main(["-"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(written)
    assert main([]) == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_documents_pass_the_linter_of_datacontract_cli(tmp_path: Path) -> None:
    """In a virtual environment of its own: its dependencies are not ours."""
    tool = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(tool)], check=True)
    install = [str(tool / "bin" / "pip"), "install", "--quiet", "datacontract-cli[duckdb]==1.2.8"]
    subprocess.run(install, check=True)
    documents = tmp_path / "contracts"
    main([str(documents)])
    for path in sorted(documents.iterdir()):
        done = subprocess.run(
            [str(tool / "bin" / "datacontract"), "lint", str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
