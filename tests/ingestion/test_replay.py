"""The lake alone rebuilds the raw tables, row for row."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion.errors import LakeError
from ingestion.lake import batches, read_identity
from ingestion.load import ingest
from ingestion.replay import replay
from ingestion.retry import retry_quarantine
from ingestion.sample import write_sample
from tests.ingestion.conftest import event, export


def fingerprints(settings: Settings) -> dict[str, tuple[object, ...]]:
    """Rows and a hash over all rows of each table; the ledger without the time at which a batch was finished."""
    with open_warehouse(settings, read_only=True) as backend:
        tables = backend.con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        columns = {"loads": "* EXCLUDE finished_at"}
        return {
            f"{schema}.{table}": backend.con.execute(
                f"SELECT count(*), sum(hash(one)) FROM (SELECT {columns.get(table, '*')} FROM {schema}.{table}) AS one"
            ).fetchone()
            for schema, table in tables
        }


def test_replay_is_identical_to_the_row(settings: Settings, exports: Path) -> None:
    write_sample(exports, scale=0.02, days=20, dirty=0.05, sources=["consent", "rewards", "intake"])
    for source in ("consent", "rewards", "intake"):
        ingest(settings, source, exports / source)
    before = fingerprints(settings)
    settings.warehouse.unlink()
    reports = replay(settings)
    assert [report.source for report in reports] == ["consent", "intake", "rewards"]
    assert fingerprints(settings) == before
    replay(settings, source="rewards")
    assert fingerprints(settings) == before


def test_what_is_replayed_is_known(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(1)])
    ingest(settings, "consent", exports)
    replay(settings)
    assert [result.status for result in ingest(settings, "consent", exports).results] == ["known"]


def test_retried_rows_are_replayed_too(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(1), event(2, APIKEY="")])
    ingest(settings, "consent", exports)
    with open_warehouse(settings, read_only=False) as backend:
        backend.con.execute(
            """UPDATE quarantine.consent__events SET original = replace(original, '"apikey":null', '"apikey":"k9"')"""
        )
    retry_quarantine(settings)
    with open_warehouse(settings, read_only=True) as backend:
        before = backend.con.execute("SELECT event_id, _row_number FROM raw.consent__events ORDER BY 1").fetchall()
    replay(settings)
    with open_warehouse(settings, read_only=True) as backend:
        after = backend.con.execute("SELECT event_id, _row_number FROM raw.consent__events ORDER BY 1").fetchall()
    assert before == after == [("e1", 1), ("e2", 2)]


def test_a_batch_is_named_by_its_content(settings: Settings, exports: Path, tmp_path: Path) -> None:
    export(exports / "events-1.csv", [event(1)])
    ingest(settings, "consent", exports)
    ((path, identity),) = batches(settings.lake)
    assert path.parent.name == f"loaded_on={identity.loaded_at:%Y-%m-%d}"
    assert path.stem == identity.batch_id
    assert read_identity(path).file == "events-1.csv"
    with pytest.raises(LakeError, match="is not a file that ingestion wrote"):
        read_identity(export(tmp_path / "x.parquet", ["x"]))


def test_an_empty_lake_says_so(settings: Settings) -> None:
    with pytest.raises(LakeError, match="nothing to replay"):
        replay(settings)
