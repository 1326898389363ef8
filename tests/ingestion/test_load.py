"""Loading files: once, whole, accounted for, and clear about what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.config import Settings
from ingestion.errors import InputMissing
from ingestion.load import ingest
from tests.ingestion.conftest import HEADER, balances, event, export

Rows = Callable[..., list[tuple[Any, ...]]]
PARAMETERS = '"{\n  ""action"": ""click""\n}"'


def test_a_file_is_loaded_once(settings: Settings, exports: Path, rows: Rows) -> None:
    export(exports / "events-1.csv", [event(1), event(2, PARAMETERS=PARAMETERS)])
    first = ingest(settings, "consent", exports)
    again = ingest(settings, "consent", exports)
    assert [result.status for result in (*first.results, *again.results)] == ["loaded", "known"]
    assert rows("SELECT event_id, parameters, rate, event_time::VARCHAR, country FROM raw.consent__events") == [
        ("e1", None, 0.1, "2025-01-01 00:00:00+00", '"FR"'),
        ("e2", '{\n  "action": "click"\n}', 0.1, "2025-01-01 00:00:00+00", '"FR"'),
    ]
    assert rows("SELECT _source_file, _row_number, _batch_id = batch_id FROM raw.consent__events, raw.loads") == [
        ("events-1.csv", 1, True),
        ("events-1.csv", 2, True),
    ]


def test_the_same_content_under_another_name_is_known(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(1)])
    export(exports / "events-2.csv", [event(1)])
    assert [result.status for result in ingest(settings, "consent", exports).results] == ["loaded", "known"]


def test_an_untouched_file_is_not_read_again(settings: Settings, exports: Path) -> None:
    path = export(exports / "events-1.csv", [event(1)])
    ingest(settings, "consent", exports)
    path.chmod(0)
    assert [result.status for result in ingest(settings, "consent", exports).results] == ["known"]


def test_first_loaded_wins_and_duplicates_are_counted(settings: Settings, exports: Path, rows: Rows) -> None:
    export(exports / "events-1.csv", [event(1), event(2), event(1, TYPE="ui.action")])
    export(exports / "events-2.csv", [event(2, TYPE="ui.action"), event(3)])
    report = ingest(settings, "consent", exports)
    assert [result.counts.rows_duplicate for result in report.results] == [1, 1]
    assert rows("SELECT event_id, type FROM raw.consent__events ORDER BY 1") == [
        ("e1", "pageview"),
        ("e2", "pageview"),
        ("e3", "pageview"),
    ]


def test_rejected_rows_keep_their_text_reasons_and_line(settings: Settings, exports: Path, rows: Rows) -> None:
    lines = [
        event(1, PARAMETERS=PARAMETERS),
        "",
        event(2, RATE="-1", COUNT="many"),
        event(3),
        event(4, EVENT_TIME="soon"),
    ]
    export(exports / "events-1.csv", lines)
    report = ingest(settings, "consent", exports)
    assert report.exit_code == 0
    assert rows(
        "SELECT source_file, row_number, line_number, rules, original ->> 'rate', original ->> 'count', "
        "contract_version FROM quarantine.consent__events ORDER BY row_number"
    ) == [
        ("events-1.csv", 2, 6, ["count.type", "rate.gt"], "-1", "many", "1.0.0"),
        ("events-1.csv", 4, 8, ["event_time.type"], "0.1", "1", "1.0.0"),
    ]
    assert balances(settings)


def test_broken_lines_are_put_aside_and_the_others_loaded(settings: Settings, exports: Path, rows: Rows) -> None:
    export(
        exports / "events-1.csv",
        [event(1), "broken,line", event(2, PARAMETERS=PARAMETERS), '"open,' + event(3), event(4)],
    )
    assert ingest(settings, "consent", exports).counts.rows_quarantined == 2
    assert rows(
        "SELECT row_number, line_number, reasons[1], left(original ->> 'line', 11) FROM quarantine.consent__events"
    ) == [
        (2, 3, "2 fields where the header has 17", "broken,line"),
        (4, 7, "a quote is opened and never closed", '"open,e3,pa'),
    ]
    assert rows("SELECT event_id, _row_number FROM raw.consent__events") == [("e1", 1), ("e2", 3), ("e4", 5)]
    assert balances(settings)


def test_line_ends_of_windows_and_a_byte_order_mark(settings: Settings, exports: Path, rows: Rows) -> None:
    path = export(exports / "events-1.csv", [event(1), event(2, RATE="x")], end="\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    ingest(settings, "consent", exports)
    assert rows("SELECT event_id, device_type FROM raw.consent__events") == [("e1", None)]
    assert rows("SELECT line_number FROM quarantine.consent__events") == [(3,)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("events-1.csv", b"", "events-1.csv: the file is empty: it has no header"),
        (
            "events-1.csv",
            HEADER.replace("RATE,", "").encode() + b"\n",
            "events-1.csv: missing column rate, which contract raw.consent__events 1.0.0 requires; the file has ",
        ),
        (
            "events-1.csv",
            (HEADER + ",RATE\n").encode(),
            "events-1.csv: line 1: column rate stands there more than once",
        ),
        ("events-1.csv", b"EVENT_ID,TYPE\rone,two\r", "events-1.csv: its lines end with CR alone"),
        ("events-1.csv", HEADER.encode("utf-16"), "events-1.csv: it is UTF-16: convert it to UTF-8"),
        ("events-1.parquet", b"PAR1 cut off", "events-1.parquet: not a whole Parquet file"),
        ("events-1.jsonl", b"[1]\n", "events-1.jsonl: no line of it is a JSON object"),
        ("events-1.csv.gz", b"not compressed", "events-1.csv.gz cannot be read"),
    ],
)
def test_a_file_that_fails_stops_only_itself(
    settings: Settings, exports: Path, rows: Rows, name: str, content: bytes, message: str
) -> None:
    (exports / name).write_bytes(content)
    export(exports / "events-2.csv", [event(1)])
    report = ingest(settings, "consent", exports)
    assert report.exit_code == 1
    assert [result.status for result in report.results] == ["failed", "loaded"]
    assert report.failures[0].message.startswith(message)
    assert rows("SELECT status, rows_read FROM raw.loads ORDER BY file") == [("failed", 0), ("loaded", 1)]
    export(exports / "events-1.csv", [event(2)])
    (exports / name).unlink() if name != "events-1.csv" else None
    assert ingest(settings, "consent", exports).exit_code == 0
    assert rows("FROM raw.loads WHERE status = 'failed'") == []


def test_a_retyped_column_stops_the_file_and_dirt_does_not(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(n, EVENT_TIME="n/a") for n in range(30)])
    export(exports / "events-2.csv", [event(n, EVENT_TIME="n/a" if n else "2025-01-01") for n in range(30)])
    failed, loaded = ingest(settings, "consent", exports).results
    assert "column event_time has changed its type: not one of 30 rows" in failed.message
    assert loaded.counts.rows_quarantined == 29


def test_a_new_column_is_told_and_kept_in_the_lake(settings: Settings, exports: Path, rows: Rows) -> None:
    export(exports / "events-1.csv", [event(1) + ",blue"], header=HEADER + ",Notice Color")
    (result,) = ingest(settings, "consent", exports).results
    assert result.warnings == (
        "events-1.csv: new column notice_color: kept in the lake, loaded once contract raw.consent__events names it",
    )
    lake = settings.lake / result.lake_file
    assert rows(f"SELECT notice_color FROM read_parquet('{lake}')") == [("blue",)]


def test_a_link_that_leads_nowhere_fails_by_itself(settings: Settings, exports: Path) -> None:
    export(exports / "events-2.csv", [event(1)])
    (exports / "events-1.csv").symlink_to(exports / "gone.csv")
    report = ingest(settings, "consent", exports)
    assert [result.status for result in report.results] == ["failed", "loaded"]
    assert "events-1.csv cannot be read: No such file or directory" in report.failures[0].message


def test_what_no_number_can_hold_is_rejected(settings: Settings, exports: Path, rows: Rows) -> None:
    export(exports / "events-1.csv", [event(1, RATE="1e400"), event(2, RATE="1e-3"), event(3, COUNT="9" * 20)])
    ingest(settings, "consent", exports)
    assert rows("SELECT event_id, rate FROM raw.consent__events") == [("e2", 0.001)]
    assert rows("SELECT rules FROM quarantine.consent__events") == [(["rate.type"],), (["count.type"],)]


def test_many_small_files_into_a_filled_table(settings: Settings, exports: Path, rows: Rows) -> None:
    export(exports / "events-0.csv", [event(number) for number in range(50)])
    ingest(settings, "consent", exports)
    for file in range(1, 6):
        export(exports / f"events-{file}.csv", [event(number) for number in range(10 * file, 10 * file + 15)])
    report = ingest(settings, "consent", exports)
    assert [one.counts.rows_duplicate for one in report.results] == [0, 15, 15, 15, 10, 5]
    assert rows("SELECT count(*), count(DISTINCT event_id) FROM raw.consent__events") == [(65, 65)]


def test_a_place_that_is_not_there(settings: Settings, exports: Path) -> None:
    with pytest.raises(InputMissing, match="nowhere is not there"):
        ingest(settings, "consent", exports / "nowhere")
    with pytest.raises(InputMissing, match=r"nothing of source consent in .*events\*"):
        ingest(settings, "consent", exports)


def test_counts_that_contradict_their_declaration_are_told_with_figures(settings: Settings, exports: Path) -> None:
    export(exports / "events-1.csv", [event(n, RATE="0.03", COUNT="33") for n in range(3)] + [event(9, RATE="1.0")])
    report = ingest(settings, "consent", exports)
    (warning,) = report.warnings
    assert "COUNT x RATE is about 1 on 4 of 4 rows (100.0%), on 3 of 3 that were sampled (100.0%)" in warning
    assert report.results[0].contradiction in warning


def test_late_rows_are_counted(settings: Settings, exports: Path, rows: Rows) -> None:
    export(exports / "events-1.csv", [event(1, EVENT_TIME="2025-01-10")])
    ingest(settings, "consent", exports)
    export(exports / "events-2.csv", [event(2, EVENT_TIME="2025-01-09"), event(3, EVENT_TIME="2025-01-11")])
    ingest(settings, "consent", exports)
    assert rows(
        "SELECT rows_late, watermark_before::DATE::VARCHAR, watermark_after::DATE::VARCHAR FROM raw.loads ORDER BY file"
    ) == [(0, None, "2025-01-10"), (1, "2025-01-10", "2025-01-11")]


def test_upserts_replace_only_what_changed(settings: Settings, exports: Path, rows: Rows) -> None:
    header = "PUBLIC_API_KEY,INDUSTRY_BACK,INDUSTRY_FRONT,HQ_COUNTRY"
    export(exports / "companies-1.csv", ["k1,Media,Media,France", "k2,Media,Media,"], header=header)
    ingest(settings, "consent", exports)
    export(exports / "companies-2.csv", ["k1,Media,Media,Spain", "k2,Media,Media,", "k3,A,B,C"], header=header)
    second = ingest(settings, "consent", exports).results[1]
    assert (second.counts.rows_loaded, second.counts.rows_duplicate) == (2, 1)
    assert rows("SELECT public_api_key, hq_country, _source_file FROM raw.consent__companies ORDER BY 1") == [
        ("k1", "Spain", "companies-2.csv"),
        ("k2", None, "companies-1.csv"),
        ("k3", "C", "companies-2.csv"),
    ]
