"""What is written in place of unportable constructs, and our macros, give on the emulator what BigQuery's pages say."""

from __future__ import annotations

import pytest
from google.cloud import bigquery

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from tests.bigquery.loading import connection_to
from tests.sqlmesh_project.portable_sql import AGREED, CASES, MACROS, Case
from tests.sqlmesh_project.test_portability import as_text, rendered

EMULATOR_IS_WRONG = {
    "CAST('0.123456789' AS NUMERIC(38, 9))": "it keeps three decimals of a text; BigQuery's NUMERIC has nine",
    "@json_text('{', b)": "it refuses malformed JSON; BigQuery's JSON_VALUE gives NULL",
}
"""Where the emulator cannot be trusted, BigQuery's pages are: strict, so that a mended emulator is noticed."""


def _cases() -> list[object]:
    return [
        pytest.param(
            case,
            id=case.portable,
            marks=[pytest.mark.xfail(strict=True, reason=EMULATOR_IS_WRONG[case.portable])]
            if case.portable in EMULATOR_IS_WRONG
            else [],
        )
        for case in (*CASES, *MACROS, *AGREED)
    ]


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> bigquery.Client:
    return open_client(connection_to(emulator))


@pytest.mark.parametrize("case", _cases())
def test_portable_sql_gives_on_the_emulator_what_the_reference_says(case: Case, client: bigquery.Client) -> None:
    (row,) = client.query(rendered(case.portable, "bigquery")).result()
    assert as_text(row[0]) == case.value
