"""Tables of a database: read once, then only what is new or changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from headrace.config import Settings
from ingestion.load import ingest
from ingestion.sample.rewards import SCHEMA

Rows = Callable[..., list[tuple[Any, ...]]]
USER = "INSERT OR REPLACE INTO users VALUES (?, '2025-01-01 00:00:00', 'FR', ?, NULL, NULL, NULL, ?, ?)"


@pytest.fixture
def database(exports: Path) -> Path:
    path = exports / "rewards.sqlite"
    run(path, SCHEMA.read_text(encoding="utf-8"))
    return path


def run(path: Path, script: str, rows: list[tuple[object, ...]] | None = None) -> None:
    with closing(sqlite3.connect(path)) as connection:
        if rows is None:
            connection.executescript(script)
        else:
            connection.executemany(script, rows)
        connection.commit()


def test_only_what_changed_is_read_again(settings: Settings, database: Path, rows: Rows) -> None:
    run(database, USER, [("u1", "ios", 0, "2025-01-01 00:00:00"), ("u2", "web", 1, "2025-01-02 00:00:00")])
    first = ingest(settings, "rewards", database)
    assert first.counts.rows_loaded == 2
    assert ingest(settings, "rewards", database).counts.rows_read == 0
    changed = [("u1", "web", 0, "2025-01-03 00:00:00"), ("u3", "ios", 0, "2025-01-02 00:00:00")]
    run(database, USER, changed)
    second = ingest(settings, "rewards", database)
    (result,) = (result for result in second.results if result.status == "loaded")
    assert (result.counts.rows_read, result.counts.rows_loaded, result.counts.rows_duplicate) == (3, 2, 1)
    assert rows("SELECT user_id, platform, is_staff FROM raw.rewards__users ORDER BY 1") == [
        ("u1", "web", False),
        ("u2", "web", True),
        ("u3", "ios", False),
    ]
    assert rows("SELECT max(cursor_after) FROM raw.loads WHERE table_name = 'rewards__users'") == [
        ("2025-01-03 00:00:00",)
    ]


def test_a_rejected_row_at_the_cursor_is_put_aside_once(settings: Settings, database: Path, rows: Rows) -> None:
    run(database, USER, [("u1", "ios", 7, "2025-01-01 00:00:00")])
    ingest(settings, "rewards", database)
    run(database, USER, [("u2", "ios", 0, "2025-01-01 00:00:00")])
    ingest(settings, "rewards", database)
    assert rows("SELECT count(*) FROM quarantine.rewards__users") == [(1,)]
    assert rows(
        "SELECT count(*) FROM raw.loads WHERE rows_read <> rows_loaded + rows_quarantined + rows_duplicate"
    ) == [(0,)]


def test_text_that_is_not_utf8_sets_its_row_apart(settings: Settings, database: Path, rows: Rows) -> None:
    run(database, USER, [(f"u{number}", "ios", 0, "2025-01-01 00:00:00") for number in range(3)])
    run(database, "UPDATE users SET country = CAST(X'46FF' AS TEXT) WHERE user_id = 'u1'")
    counts = ingest(settings, "rewards", database).counts
    assert (counts.rows_read, counts.rows_loaded, counts.rows_quarantined) == (3, 2, 1)
    assert rows("SELECT user_id FROM raw.rewards__users ORDER BY 1") == [("u0",), ("u2",)]
    ((reasons, original),) = rows("SELECT reasons, original FROM quarantine.rewards__users")
    assert reasons == ["country: not UTF-8: invalid start byte at byte 2"]
    shown = json.loads(json.loads(original)["line"])
    assert (shown["user_id"], shown["country"], shown["channel"]) == ("u1", r"F\xff", None)


def test_what_a_user_was_shown_is_never_edited(database: Path) -> None:
    run(database, "INSERT INTO user_offers VALUES ('uo', 'u', 'o', 'o-v1', 'control', '1.0', '2025-01-01')")
    with pytest.raises(sqlite3.IntegrityError, match="what a user was shown is never edited"):
        run(database, "UPDATE user_offers SET offer_version_id = 'o-v2'")


def test_a_file_that_is_no_database(settings: Settings, exports: Path) -> None:
    from ingestion.errors import UnreadableInput

    (exports / "rewards.sqlite").write_text("this is no database, though its name says so " * 50, encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"the database rewards\.sqlite cannot be read"):
        ingest(settings, "rewards", exports)
