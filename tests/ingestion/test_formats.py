"""The same rows out of every format and place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pytest

from headrace.config import Settings
from ingestion.load import ingest
from ingestion.reading.snowplow import FIELDS
from tests.ingestion.conftest import HEADER, event, export

Rows = Callable[..., list[tuple[Any, ...]]]
NOTE = '"{\n  ""position"": ""popup""\n}"'
LINES = [event(1, PARAMETERS=NOTE), event(2, RATE="0"), event(3, COUNTRY="")]


def write(folder: Path, ending: str) -> None:
    plain = export(folder / "plain.csv", LINES)
    source = f"read_csv('{plain}', all_varchar = true)"
    target = folder / f"events-1.{ending}"
    if ending == "tsv":
        duckdb.sql(f"COPY (FROM {source}) TO '{target}' (DELIMITER '\t')")
    elif ending == "csv.gz":
        target.write_bytes(gzip.compress(plain.read_bytes()))
    elif ending == "csv":
        target.write_bytes(plain.read_bytes())
    else:
        duckdb.sql(f"COPY (FROM {source}) TO '{target}'")
    plain.unlink()


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.zst", "tsv", "jsonl", "jsonl.gz", "parquet"])
def test_every_format_gives_the_same_rows(settings: Settings, exports: Path, rows: Rows, ending: str) -> None:
    write(exports, ending)
    (result,) = ingest(settings, "consent", exports).results
    assert (result.counts.rows_loaded, result.counts.rows_quarantined) == (2, 1)
    assert rows("SELECT event_id, parameters, rate, count, country, _row_number FROM raw.consent__events") == [
        ("e1", '{\n  "position": "popup"\n}', 0.1, 1, '"FR"', 1),
        ("e3", None, 0.1, 1, None, 3),
    ]
    assert rows("SELECT row_number, rules FROM quarantine.consent__events") == [(2, ["rate.gt"])]


def test_urls_that_fsspec_reads(settings: Settings, rows: Rows) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/shop/events-1.csv", "\n".join([HEADER, *LINES, ""]).encode())
    first = ingest(settings, "consent", "memory://shop")
    again = ingest(settings, "consent", "memory://shop/events-1.csv")
    memory.rm("/shop", recursive=True)
    assert [result.status for result in (*first.results, *again.results)] == ["loaded", "known"]
    assert rows("SELECT DISTINCT _source_file FROM raw.consent__events") == [("events-1.csv",)]


def test_lines_that_are_no_json_objects_are_put_aside(settings: Settings, exports: Path, rows: Rows) -> None:
    good = {"event_id": "o1", "event_time": "2025-01-01", "event_name": "page_view", "region": "US"}
    empty = dict.fromkeys(["user_id", "page", "device", "order_id"])
    lines = [json.dumps(good | empty), '{"event_id": "cut', "[1]", ""]
    (exports / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")
    ingest(settings, "commerce", exports)
    assert rows("SELECT event_id, user_id FROM raw.commerce__events") == [("o1", None)]
    assert rows("SELECT row_number, reasons, original ->> 'line' FROM quarantine.commerce__events") == [
        (2, ["not a JSON object"], '{"event_id": "cut'),
        (3, ["not a JSON object"], "[1]"),
    ]


def test_lines_of_json_that_are_no_text_cost_only_themselves(settings: Settings, exports: Path, rows: Rows) -> None:
    good = {"event_time": "2025-01-01", "event_name": "page_view", "region": "US"}
    empty = dict.fromkeys(["user_id", "page", "device", "order_id"])
    line = [json.dumps({"event_id": name} | good | empty).encode() for name in ("o1", "o2")]
    content = b"\xef\xbb\xbf" + b"\n".join(
        [line[0], b"", b'{"event_id": "\xff"}', b'{"event_id": "a\x01b"}', line[1], b""]
    )
    (exports / "events.jsonl").write_bytes(content)
    ingest(settings, "commerce", exports)
    assert rows("SELECT event_id FROM raw.commerce__events") == [("o1",), ("o2",)]
    assert rows("SELECT line_number, reasons FROM quarantine.commerce__events") == [
        (3, ["not UTF-8: invalid start byte at byte 15"]),
        (4, ["not a JSON object"]),
    ]


def enriched(**values: str) -> str:
    return "\t".join(values.get(field, "") for field in FIELDS)


def contexts(*listed: tuple[str, dict[str, object]]) -> str:
    data = [{"schema": f"iglu:{schema}", "data": content} for schema, content in listed]
    return json.dumps({"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": data})


def test_the_time_of_an_event_is_its_collectors_where_the_device_gave_none(
    settings: Settings, exports: Path, rows: Rows
) -> None:
    first = {"derived_tstamp": "2025-01-09 23:00:00.000", "collector_tstamp": "2025-01-10 10:00:00.000"}
    lines = [
        enriched(event_id="1", event_name="page_view", **first),
        enriched(event_id="2", event_name="page_view", collector_tstamp="2025-01-10 12:00:00.000"),
    ]
    (exports / "events-1.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ingest(settings, "intake", exports)
    late = enriched(event_id="3", event_name="page_view", collector_tstamp="2025-01-02 12:00:00.000")
    (exports / "events-2.tsv").write_text(late + "\n", encoding="utf-8")
    ingest(settings, "intake", exports)
    assert rows(
        "SELECT min_event_at::VARCHAR, max_event_at::VARCHAR, rows_late FROM raw.loads ORDER BY file"
    ) == [
        ("2025-01-09 23:00:00+00", "2025-01-10 12:00:00+00", 0),
        ("2025-01-02 12:00:00+00", "2025-01-02 12:00:00+00", 1),
    ]  # fmt: skip


def test_snowplow_contexts_become_columns_whatever_their_order(settings: Settings, exports: Path, rows: Rows) -> None:
    funnel = ("com.wellthy/funnel/jsonschema/1-0-3", {"funnel_name": "MEMBER_INTAKE", "step_name": "A\tB", "more": 1})
    user = ("com.wellthy/User/jsonschema/2-0-1", {"user_id": "u1", "role": None})
    common = {"event_name": "funnel", "collector_tstamp": "2025-01-01 10:00:00.000", "useragent": 'a "b'}
    lines = [
        enriched(event_id="1", contexts=contexts(funnel, user), **common),
        enriched(event_id="2", contexts=contexts(user, funnel), **common),
        enriched(event_id="3", contexts=contexts(), **common),
        enriched(event_id="4", contexts="{broken", **common),
        enriched(event_id="5", **common),
        enriched(event_id="6", **common) + "\tone too many",
    ]
    (exports / "events-1.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = ingest(settings, "intake", exports)
    assert report.results[0].warnings == ()
    found = rows(
        "SELECT event_id, contexts_funnel ->> 'step_name', contexts_funnel_version, contexts_user ->> 'user_id', "
        "contexts_user_version, useragent FROM raw.intake__events"
    )
    named = ("A\tB", "1-0-3", "u1", "2-0-1", 'a "b')
    assert found == [("1", *named), ("2", *named), ("3", *(None,) * 4, 'a "b'), ("5", *(None,) * 4, 'a "b')]
    assert rows("SELECT row_number, line_number, reasons FROM quarantine.intake__events") == [
        (4, 4, ["contexts are not self-describing JSON"]),
        (6, 6, ["132 fields where the header has 131"]),
    ]


def test_contexts_are_held_to_the_versions_of_their_schemas(settings: Settings, exports: Path, rows: Rows) -> None:
    funnel, user = "com.wellthy/funnel/jsonschema/", "com.wellthy/User/jsonschema/"
    whole = {"funnel_name": "MEMBER_INTAKE", "step_name": "VERIFY_EMAIL"}
    listed = [
        (f"{funnel}1-0-4", whole),
        (f"{funnel}1-0-2", whole | {"step_action": "fail", "failure_reason": "late", "more": [1]}),
        (f"{funnel}1-2-0", whole),
        (f"{funnel}2-0-0", whole),
        (f"{funnel}1-0-4", {"funnel_name": "MEMBER_INTAKE"}),
        (f"{user}2-0-1", {"role": "MEMBER", "user_id": None}),
        (f"{user}2-0-1", {"user_id": "u1"}),
    ]
    common = {"event_name": "funnel", "collector_tstamp": "2025-01-01 10:00:00.000"}
    lines = [enriched(event_id=str(place), contexts=contexts(one), **common) for place, one in enumerate(listed)]
    (exports / "events-1.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ingest(settings, "intake", exports)
    assert rows("SELECT event_id FROM raw.intake__events ORDER BY 1") == [("0",), ("1",), ("2",), ("6",)]
    assert rows("SELECT row_number, reasons[1] FROM quarantine.intake__events ORDER BY 1") == [
        (4, "com.wellthy/funnel 2-0-0 is not of model 1"),
        (5, "com.wellthy/funnel 1-0-4 lacks step_name"),
        (6, "com.wellthy/User 2-0-1 lacks user_id"),
    ]
