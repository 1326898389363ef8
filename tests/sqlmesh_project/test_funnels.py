"""Every option of funnels against the oracle, on random journeys full of ties and repeats."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlmesh_project.funnels.compiler import levels_query, paths_query
from sqlmesh_project.funnels.declaration import Condition, Entry, Exclusion, Funnel, Predicate, Step
from tests.sqlmesh_project.funnel_oracle import Path, paths, sessions
from tests.sqlmesh_project.journeys import BEGIN, Event, insert, warehouse

STEPS = tuple(Step(name, Predicate((Condition("event_name", (name,)),))) for name in ("a", "b", "c"))
FUNNEL = Funnel("f", "A funnel.", "x", STEPS, conversion_window=3600)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = warehouse()
    made.execute(
        "CREATE TABLE core.sessions (session_key TEXT, user_key TEXT, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ)"
    )
    return made


@cache
def compiled(funnel: Funnel) -> str:
    return as_duckdb(paths_query(funnel))


def as_duckdb(query: str) -> str:
    sql = query.replace("@start_ts", "'2025-06-01 00:00:00'").replace("@end_ts", "'2025-06-09 00:00:00'")
    return sqlglot.transpile(sql, read="bigquery", write="duckdb")[0]


def computed(connection: duckdb.DuckDBPyConnection, funnel: Funnel, events: list[Event]) -> set[Path]:
    """What the compiled SQL counts."""
    connection.execute("DELETE FROM core.events; DELETE FROM core.sessions")
    insert(connection, events)
    if funnel.count == "sessions":
        for user in {one.user for one in events}:
            for one in sessions(sorted(event for event in events if event.user == user)):
                row = (f"x:{one[0].event_id}", user, one[0].at, one[-1].at)
                connection.execute("INSERT INTO core.sessions VALUES (?, ?, ?, ?)", row)
    steps = ", ".join(f"epoch(step_{number}_at)::BIGINT" for number in range(1, len(funnel.steps) + 1))
    rows = connection.execute(f"SELECT event_key, country, {steps} FROM ({compiled(funnel)})").fetchall()
    found = [
        Path(
            key.removeprefix("x:"),
            tuple(None if one is None else one - int(BEGIN.timestamp()) for one in times),
            country,
        )
        for key, country, *times in rows
    ]
    assert len(found) == len(set(found)), "an entry is there twice"
    return set(found)


def named(*names: str) -> Predicate:
    return Predicate((Condition("event_name", names),))


@st.composite
def journeys(draw: st.DrawFn) -> list[Event]:
    """Events on a coarse grid, so that many fall on one moment and on the edges of windows."""
    size = draw(st.integers(0, 16))
    ids = draw(st.permutations([f"e{number:02}" for number in range(size)]))
    return [
        Event(
            second=draw(st.integers(0, 10)) * 900,
            event_id=event_id,
            user=draw(st.sampled_from(["ada", "bob", None])),
            name=draw(st.sampled_from(["a", "b", "c", "d"])),
            country=draw(st.sampled_from(["FR", "US", None])),
        )
        for event_id in ids
    ]


@st.composite
def funnels(draw: st.DrawFn) -> Funnel:
    """Every valid combination of options."""
    order = draw(st.sampled_from(["ordered", "strict", "unordered"]))
    funnel = replace(
        FUNNEL,
        order=order,
        steps=draw(st.sampled_from([STEPS, STEPS[:2], (STEPS[0], STEPS[1], Step("again", named("a", "b")))])),
        conversion_window=draw(st.sampled_from([900, 3600, 7200])),
        hold_constant=draw(st.sampled_from([(), ("country",)])),
    )
    funnel = replace(funnel, attribution=draw(st.sampled_from(["first_touch", "last_touch", 1, len(funnel.steps)])))
    if order == "unordered":
        return replace(funnel, count=draw(st.sampled_from(["unique", "sessions"])))
    entry = draw(st.sampled_from(["first", "any"]))
    funnel = replace(
        funnel,
        entry=entry,
        count=draw(st.sampled_from(["unique", "sessions"] + (["totals"] if entry == "any" else []))),
        step_window=draw(st.sampled_from([None, 900, 1800])),
        strict_increase=draw(st.booleans()),
        tie_order=draw(st.sampled_from(["event_id", "steps"])),
    )
    if order == "strict":
        return replace(funnel, scope=draw(st.sampled_from([None, named("d")])))
    last = len(funnel.steps)
    exclusion = st.builds(
        lambda where, effect, span: Exclusion(where, effect, *span),
        st.sampled_from([named("d"), named("c", "d")]),
        st.sampled_from(["drop_off", "disqualify"]),
        st.sampled_from(list(combinations(range(1, last + 1), 2))),
    )
    return replace(funnel, exclusions=tuple(draw(st.lists(exclusion, max_size=2))))


@given(funnel=funnels(), events=journeys())
@settings(max_examples=200)
def test_every_option_equals_the_oracle(
    connection: duckdb.DuckDBPyConnection, funnel: Funnel, events: list[Event]
) -> None:
    assert computed(connection, funnel, events) == paths(funnel, events)


@pytest.mark.parametrize("entry", ["first", "any"])
@given(events=journeys())
@settings(max_examples=20)
def test_levels_are_those_of_the_paths(
    connection: duckdb.DuckDBPyConnection, entry: Entry, events: list[Event]
) -> None:
    funnel = replace(FUNNEL, entry=entry)
    expected = sorted(sum(one is not None for one in path.steps) for path in computed(connection, funnel, events))
    levels = connection.execute(as_duckdb(levels_query(funnel))).fetchall()
    assert sorted(level for _, level in levels) == expected


def test_users_who_entered_before_the_interval_are_left_out(connection: duckdb.DuckDBPyConnection) -> None:
    events = [Event(-3600, "1", name="a"), Event(0, "2", name="a"), Event(0, "3", user="bob", name="a")]
    assert computed(connection, FUNNEL, events) == {Path("3", (0, None, None), None)}


def test_a_repeated_event_inflates_no_step(connection: duckdb.DuckDBPyConnection) -> None:
    events = [Event(0, "1", name="a"), Event(60, "2", name="a"), Event(120, "3", name="b"), Event(180, "4", name="b")]
    assert computed(connection, FUNNEL, events) == {Path("1", (0, 120, None), None)}


def test_a_later_event_unconverts_nobody(connection: duckdb.DuckDBPyConnection) -> None:
    events = [Event(0, "1", name="a"), Event(60, "2", name="b"), Event(120, "3", name="c"), Event(180, "4", name="a")]
    assert computed(connection, FUNNEL, events) == {Path("1", (0, 60, 120), None)}


def test_the_last_step_without_those_before_is_no_conversion(connection: duckdb.DuckDBPyConnection) -> None:
    events = [Event(0, "1", name="a"), Event(120, "3", name="c")]
    assert computed(connection, FUNNEL, events) == {Path("1", (0, None, None), None)}


def test_ties_fall_in_the_order_of_their_ids(connection: duckdb.DuckDBPyConnection) -> None:
    events = [Event(0, "2", name="a"), Event(0, "1", name="b"), Event(0, "3", name="b")]
    assert computed(connection, FUNNEL, events) == {Path("2", (0, 0, None), None)}
    assert computed(connection, replace(FUNNEL, strict_increase=True), events) == {Path("2", (0, None, None), None)}


def test_the_window_counts_from_the_entry_inclusive(connection: duckdb.DuckDBPyConnection) -> None:
    events = [Event(0, "1", name="a"), Event(3000, "2", name="b"), Event(3600, "3", name="c")]
    assert computed(connection, FUNNEL, events) == {Path("1", (0, 3000, 3600), None)}
    events[2] = replace(events[2], second=3601)
    assert computed(connection, FUNNEL, events) == {Path("1", (0, 3000, None), None)}


def test_totals_begin_anew_after_conversion_or_window(connection: duckdb.DuckDBPyConnection) -> None:
    funnel = replace(FUNNEL, steps=STEPS[:2], entry="any", count="totals")
    events = [
        Event(0, "1", name="a"),
        Event(60, "2", name="a"),
        Event(120, "3", name="b"),
        Event(180, "4", name="a"),
        Event(3780, "5", name="a"),
        Event(3781, "6", name="a"),
    ]
    assert computed(connection, funnel, events) == {
        Path("1", (0, 120), None),
        Path("4", (180, None), None),
        Path("6", (3781, None), None),
    }


@pytest.mark.parametrize("entry", ["first", "any"])
def test_steps_may_be_told_by_properties(connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    kinds = (Condition("properties.kind", ("good", "fair")),), (Condition("properties.kind", ("bad",), negated=True),)
    funnel = replace(FUNNEL, entry=entry, steps=tuple(Step(str(one), Predicate(one)) for one in kinds))
    events = [Event(second, str(second)) for second in range(4)]
    assert computed(connection, funnel, events) == set()
    for second, kind in enumerate(("bad", "fair", "bad")):
        connection.execute(
            "UPDATE core.events SET properties = json_object('kind', ?) WHERE event_id = ?", [kind, str(second)]
        )
    rows = connection.execute(f"SELECT event_key, epoch(step_2_at - entered_at) FROM ({compiled(funnel)})").fetchall()
    assert rows == [("x:1", 2.0)]
