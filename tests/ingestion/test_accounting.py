"""Whatever dirt a file holds, every row read is loaded, in quarantine or a duplicate — compared with a plain oracle."""

from __future__ import annotations

import csv
import tempfile
from datetime import datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.config import load_settings
from headrace.warehouse import open_warehouse
from ingestion.load import ingest
from tests.ingestion.conftest import HEADER, balances, event, export

GOOD = st.builds(
    lambda number, rate, count: event(number, RATE=rate, COUNT=count, PARAMETERS='"two\nlines"' if number % 2 else ""),
    st.integers(0, 9),
    st.sampled_from(["", "0.1", "1", "1.0", ".5", "1e-1"]),
    st.sampled_from(["0", "1", "3.0", "+2"]),
)
BAD = st.sampled_from(
    [
        event("", EVENT_ID=""),
        event(1, RATE="0"),
        event(2, RATE="nan"),
        event(3, RATE="1,5"),
        event(4, COUNT="1.5"),
        event(5, COUNT=""),
        event(6, EVENT_TIME="2025-13-01"),
        event(7, APIKEY=""),
        "one,two",
        event(8) + ",more,than,it,should",
        '"' + event(9),
    ]
)
FILES = st.lists(st.lists(st.one_of(GOOD, BAD, st.just("")), max_size=12), min_size=1, max_size=3)


def accepted(lines: list[str]) -> list[str]:
    """The ids of the rows that keep the contract, by a plain reading of the same lines."""
    names = HEADER.split(",")
    found = []
    for line in lines:
        row = dict(zip(names, next(csv.reader([line.replace("\n", " ")])), strict=False))
        if line.startswith('"') or line.count(",") != event(0).count(",") or not line:
            continue
        try:
            rate = float(row["RATE"] or 1)
            keeps = row["EVENT_ID"] and row["APIKEY"] and rate > 0 and float(row["COUNT"]) == int(float(row["COUNT"]))
            datetime.fromisoformat(row["EVENT_TIME"])
        except ValueError:
            continue
        if keeps:
            found.append(row["EVENT_ID"])
    return found


@given(FILES)
@settings(max_examples=25)
def test_accounting_balances_and_agrees_with_the_oracle(files: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for number, lines in enumerate(files):
            export(base / "exports" / f"events-{number}.csv", lines)
        own = load_settings(environ={"HEADRACE_DATA": str(base / "data")})
        report = ingest(own, "consent", base / "exports")
        expected: dict[str, None] = {}
        for lines in files:
            expected |= dict.fromkeys(accepted(lines))
        with open_warehouse(own, read_only=True) as backend:
            found = backend.con.execute("SELECT event_id FROM raw.consent__events").fetchall()
        assert sorted(row[0] for row in found) == sorted(expected)
        assert balances(own)
        read = [result for result in report.results if result.status == "loaded"]
        assert all(result.counts.rows_read == sum(bool(line) for line in files[int(result.file[7])]) for result in read)
