"""Real exports, where they are, give the same tables and answers on DuckDB and on the emulator.

All of the consent exports, and of the web funnel every tenth user with the pages that they saw: the emulator answers
over REST as JSON, and the whole of it would only take longer.
"""

from __future__ import annotations

import csv
import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator
from headrace.gateways import DUCKDB, EMULATOR
from tests.bigquery.loading import clear, connection_to
from tests.bigquery.parity import differences, tables
from tests.bigquery.test_parity import on_gateway
from tests.bigquery.test_questions import QUESTIONS, over_rest, over_sql, serving
from tests.commandline import headrace

ONE_IN = 10


def take_some_users(exports: Path, folder: Path) -> None:
    """Rows of every tenth user of the web funnel, in files of the same names."""
    folder.mkdir(parents=True)
    for path in sorted(exports.glob("*.csv")):
        with path.open(newline="") as source, (folder / path.name).open("w", newline="") as target:
            rows = csv.DictReader(source)
            written = csv.DictWriter(target, rows.fieldnames or ())
            written.writeheader()
            written.writerows(row for row in rows if int(row["user_id"]) % ONE_IN == 0)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(1200)
def test_tables_and_answers_are_the_same(emulator: Emulator, real_exports: Path, tmp_path: Path) -> None:
    with closing(open_client(connection_to(emulator))) as client:
        clear(client)
    shutil.copytree(real_exports / "consent", tmp_path / "sample" / "consent", copy_function=shutil.copyfile)
    take_some_users(real_exports / "web_funnel", tmp_path / "sample" / "web_funnel")
    for gateway in (DUCKDB, EMULATOR):
        headrace("build", "--gateway", gateway, data=tmp_path)
    ours, theirs = (tables(on_gateway(tmp_path, gateway)) for gateway in (DUCKDB, EMULATOR))
    assert ours["raw.consent__events"].num_rows == 4758
    assert ours["core.funnel_paths__web_funnel"].num_rows == ours["raw.web_funnel__users"].num_rows == 9211
    assert differences(ours, theirs) == []
    with serving(tmp_path, DUCKDB) as here, serving(tmp_path, EMULATOR) as there:
        for question in QUESTIONS:
            assert rounded(over_rest(question, there[0])) == rounded(over_rest(question, here[0])), question.question
            assert rounded(over_sql(question, there[1])) == rounded(over_sql(question, here[1])), question.question


def rounded(rows: list[str]) -> list[str]:
    """Of floats the first twelve digits: the last ones of a sum depend on the order of its rows."""
    return sorted(re.sub(r"\d+\.\d+(e[+-]?\d+)?", lambda found: f"{float(found[0]):.12g}", row) for row in rows)
