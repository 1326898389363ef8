"""What the entities mean: a few raw rows through the real models, beside values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlglot
from sqlmesh import Context

from sqlmesh_project.funnels.compiler import paths_query
from sqlmesh_project.funnels.declaration import Condition, Funnel, Predicate, Step
from sqlmesh_project.funnels.loader import load_funnels
from sqlmesh_project.funnels.views import entries_query
from tests.sqlmesh_project.raw_rows import RawRows, Row

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def warehouse(project: Context) -> RawRows:
    return RawRows(project)


@pytest.fixture
def raw(warehouse: RawRows) -> RawRows:
    warehouse.clear()
    return warehouse


def at(text: str) -> datetime:
    """A moment of 2025, such as "06-01 10:00"."""
    return datetime.fromisoformat(f"2025-{text}").replace(tzinfo=UTC)


NOON = at("06-01 12:00")


def shop(event_id: str, moment: datetime, user: str | None = "ada") -> Row:
    return {"event_id": event_id, "user_id": user, "event_time": moment, "event_name": "page_view", "region": "EU"}


SESSIONS = "SELECT session_id, event_count, duration_seconds FROM core.sessions ORDER BY started_at, session_id"


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (timedelta(seconds=1800), [("e1", 2, 1800.0)]),
        (timedelta(seconds=1800) + MICROSECOND, [("e1", 1, 0.0), ("e2", 1, 0.0)]),
    ],
)
def test_a_gap_of_the_timeout_stays_and_a_microsecond_more_cuts(
    raw: RawRows, gap: timedelta, expected: list[tuple[object, ...]]
) -> None:
    raw.add("commerce__events", shop("e1", NOON), shop("e2", NOON + gap))
    assert raw.query("core.sessions", sql=SESSIONS) == expected


def test_a_session_lasts_24_hours_at_most(raw: RawRows) -> None:
    day = [shop(f"e{number:02}", NOON + timedelta(minutes=20 * number)) for number in range(73)]
    raw.add("commerce__events", *day)
    assert raw.query("core.sessions", sql=SESSIONS) == [("e00", 73, 86400.0)]
    raw.add("commerce__events", shop("last", NOON + timedelta(days=1) + MICROSECOND))
    assert raw.query("core.sessions", sql=SESSIONS) == [("e00", 73, 86400.0), ("last", 1, 0.0)]


def test_a_session_is_named_for_its_first_event_and_crosses_midnight(raw: RawRows) -> None:
    late = at("06-01 23:59:59.999999")
    raw.add("commerce__events", shop("e9", late), shop("e2", late), shop("e1", late + MICROSECOND))
    assert raw.query("core.sessions", sql=SESSIONS) == [("e2", 3, 0.000001)]


def test_events_of_nobody_are_kept_and_make_no_session(raw: RawRows) -> None:
    raw.add("commerce__events", shop("e1", NOON, user=None), shop("e2", NOON))
    assert raw.query("core.sessions", sql=SESSIONS) == [("e2", 1, 0.0)]
    assert raw.connection.execute("SELECT event_id, user_key FROM core.events ORDER BY 1").fetchall() == [
        ("e1", None),
        ("e2", "commerce:ada"),
    ]


def test_of_an_id_that_comes_again_the_first_row_loaded_stays(raw: RawRows) -> None:
    again = {**shop("e1", NOON), "page": "/again", "_loaded_at": at("06-03 00:00")}
    raw.add("commerce__events", again, {**shop("e1", NOON), "page": "/first", "_loaded_at": at("06-02 00:00")})
    found = raw.query("core.events", sql="SELECT properties FROM core.events")
    assert found == [('{"order_id":null,"page":"/first"}',)]


CONSENT = {"event_time": NOON, "apikey": "acme", "type": "pageview", "count": 1, "rate": 1.0}


@pytest.mark.parametrize(
    ("rate", "count", "expected"),
    [
        (0.1000000015, 10, (0.1, 10.0, 100.0, False)),
        (None, 10, (1.0, 10.0, 10.0, True)),
        (0.0000004, 1, (0.0000004, 1.0, 2500000.0, False)),
        (0.5, 0, (0.5, 0.0, 0.0, False)),
    ],
)
def test_sampling_is_undone(raw: RawRows, rate: float | None, count: int, expected: tuple[object, ...]) -> None:
    raw.add("consent__events", {"event_id": "e1", **CONSENT, "rate": rate, "count": count})
    [found] = raw.query(
        "core.events",
        sql="SELECT sampling_rate, observed_count, estimated_count, is_sampling_rate_missing FROM core.events",
    )
    assert found == pytest.approx(expected)


def consent(event_id: str, kind: str, moment: datetime, user: str | None = "ada", company: str = "acme") -> Row:
    status = "opt-out" if kind == "given" else "empty"
    named = {"event_id": event_id, "type": f"consent.{kind}", "event_time": moment}
    return {**CONSENT, **named, "user_id": user, "apikey": company, "consent": status}


CONSENTS = (
    "SELECT consent_key[9:], is_asked, is_given, is_paired, seconds_to_given, consent_status FROM core.consents"
    " ORDER BY opened_at, consent_key"
)


def test_the_latest_question_is_answered_and_a_second_answer_stands_alone(raw: RawRows) -> None:
    kinds = ("asked", "asked", "given", "given")
    raw.add("consent__events", *(consent(f"e{i}", kind, NOON + i * MICROSECOND) for i, kind in enumerate(kinds)))
    assert raw.query("core.consents", sql=CONSENTS) == [
        ("e0", True, False, False, None, None),
        ("e1", True, True, True, 0.000001, "opt-out"),
        ("e3", False, True, False, None, "opt-out"),
    ]


def test_an_answer_belongs_to_the_company_that_asked(raw: RawRows) -> None:
    raw.add(
        "consent__events", consent("e1", "asked", NOON), consent("e2", "given", NOON + MICROSECOND, company="other")
    )
    assert [row[:4] for row in raw.query("core.consents", sql=CONSENTS)] == [
        ("e1", True, False, False),
        ("e2", False, True, False),
    ]


def test_without_user_ids_nothing_is_paired_and_counts_stand(raw: RawRows) -> None:
    raw.add("consent__events", consent("e1", "asked", NOON, None), consent("e2", "given", NOON + MICROSECOND, None))
    assert [row[:5] for row in raw.query("core.consents", sql=CONSENTS)] == [
        ("e1", True, False, False, None),
        ("e2", False, True, False, None),
    ]
    counts = "SELECT SUM(asked_count), SUM(given_count), COUNT(*) FILTER (is_user_known) FROM core.consents"
    assert raw.connection.execute(counts).fetchall() == [(1.0, 1.0, 0)]


def test_details_that_are_no_json_stop_no_funnel_that_asks_for_one(raw: RawRows) -> None:
    raw.add(
        "consent__events",
        {**consent("e1", "asked", NOON), "parameters": '{"action": "click"}'},
        {**consent("e2", "asked", NOON, "bob"), "parameters": "{'action': 'click'}"},
        {**consent("e3", "given", NOON + MICROSECOND), "parameters": "{"},
    )
    raw.query("core.events", sql="SELECT 1")
    clicked = Predicate((Condition("properties.action", ("click",)),))
    other = Predicate((Condition("properties.action", ("click",), negated=True),))
    funnel = Funnel("clicks", "Clicks.", "consent", (Step("click", clicked), Step("other", other)), 3600)
    sql = sqlglot.transpile(bounded(paths_query(funnel)), read="bigquery", write="duckdb")[0]
    found = raw.connection.execute(f"SELECT user_key, reached_count FROM ({sql})").fetchall()
    assert found == [("consent:ada", 2)]


def bounded(sql: str) -> str:
    return sql.replace("@start_ts", "'2025-01-01 00:00:00'").replace("@end_ts", "'2025-12-31 00:00:00'")


@pytest.mark.parametrize(("late", "is_converted"), [(timedelta(0), True), (MICROSECOND, False)])
def test_a_conversion_window_is_inclusive_to_the_microsecond(raw: RawRows, late: timedelta, is_converted: bool) -> None:
    week = NOON + timedelta(days=7)
    raw.add("consent__events", consent("e1", "asked", NOON), consent("e2", "given", week + late))
    entries = "SELECT is_converted, is_window_complete FROM core.funnel_entries WHERE funnel_name = 'consent'"
    assert raw.query("core.funnel_entries", sql=entries) == [(is_converted, True)]
    assert raw.query("core.consents", sql=CONSENTS)[0][3] is is_converted


def test_a_window_is_complete_when_data_reaches_its_end(raw: RawRows) -> None:
    end = NOON + timedelta(days=7)
    raw.add("consent__events", consent("e1", "asked", NOON), consent("e2", "asked", end - MICROSECOND, "bob"))
    entries = "SELECT is_window_complete FROM core.funnel_entries WHERE user_key = 'consent:ada'"
    assert raw.query("core.funnel_entries", sql=entries) == [(False,)]
    raw.add("consent__events", consent("e3", "asked", end, "eve"))
    assert raw.query("core.funnel_entries", sql=entries) == [(True,)]


def test_cohorts_follow_the_clock_of_their_time_zone(raw: RawRows) -> None:
    """New York is four hours behind in summer and five in winter: clocks go back on 2 November 2025."""
    moments = ("07-01 03:59", "07-01 04:00", "11-02 03:59", "11-02 04:00", "11-03 04:59", "11-03 05:00")
    raw.add("consent__events", *(consent(f"e{i}", "asked", at(one), f"u{i}") for i, one in enumerate(moments)))
    funnel = next(one for one in load_funnels() if one.name == "consent")
    query = entries_query((replace(funnel, timezone="America/New_York"),))
    sql = sqlglot.transpile(query, read="bigquery", write="duckdb")[0]
    found = raw.query("core.funnel_entries", sql=f"SELECT cohort_on FROM ({sql}) ORDER BY entered_at")
    days = ((6, 30), (7, 1), (11, 1), (11, 2), (11, 2), (11, 3))
    assert found == [(date(2025, month, day),) for month, day in days]


def step(event_id: str, name: str, moment: datetime, user: str | None = "ada", **more: object) -> Row:
    context = '{"step_name": "' + name + '", "step_action": "' + str(more.pop("action", "complete")) + '"}'
    account = {"user_id": user, "domain_userid": more.pop("cookie", None), "contexts_funnel": context}
    return {"event_id": event_id, "event_name": "funnel", "derived_tstamp": moment, **account, **more}


def intake(raw: RawRows, *events: Row) -> None:
    raw.add("intake__events", *events, collector_tstamp=NOON)


def member(user: str, role: str = "MEMBER") -> Row:
    return {"user_id": user, "role": role, "client_id": "acme", "created_at": NOON, "is_eligibility_verified": True}


def test_time_per_step_runs_from_first_reaching_it_to_first_reaching_the_next(raw: RawRows) -> None:
    raw.add("intake__members", member("ada"))
    minutes = {"CREATE_ACCOUNT": (0, 5), "INPUT_FULL_NAME": (7, 8, 20), "CONFIRM_COUNTRY": (9,)}
    intake(
        raw,
        *(
            step(f"{name}{minute}", name, NOON + timedelta(minutes=minute))
            for name, all_minutes in minutes.items()
            for minute in all_minutes
        ),
        step("failed", "VERIFY_ELIGIBILITY", NOON + timedelta(minutes=10), action="fail"),
    )
    found = raw.query(
        "marts.intake_funnel",
        sql="SELECT step_name, reached_count, seconds_from_previous FROM marts.intake_funnel"
        " WHERE funnel_name = 'intake' ORDER BY step_number LIMIT 4",
    )
    assert found == [
        ("create_account", 1, None),
        ("input_full_name", 1, 420.0),
        ("confirm_country", 1, 120.0),
        ("verify_eligibility", 0, None),
    ]


def test_staff_are_no_members_by_profile_or_by_what_the_tracker_says(raw: RawRows) -> None:
    raw.add("intake__members", member("ada"), member("boss", "STAFF"), member("helper"))
    temp, helper = ('{"user_id": "' + user + '", "role": "STAFF"}' for user in ("temp", "helper"))
    intake(
        raw,
        step("e1", "CREATE_ACCOUNT", NOON),
        step("e2", "CREATE_ACCOUNT", NOON, "boss"),
        step("e3", "CREATE_ACCOUNT", NOON, None, contexts_user=temp),
        step("e4", "CREATE_ACCOUNT", NOON, "helper", contexts_user=helper),
    )
    entered = raw.query("core.funnel_entries", "marts.intake_accounts", sql="SELECT user_key FROM core.funnel_entries")
    assert {row[0] for row in entered} == {"intake:ada"}
    accounts = "SELECT user_key, is_eligibility_verified FROM marts.intake_accounts"
    assert raw.connection.execute(accounts).fetchall() == [("intake:ada", True)]
    staff = raw.connection.execute("SELECT user_key FROM core.users WHERE is_staff ORDER BY 1").fetchall()
    assert staff == [("intake:boss",), ("intake:helper",), ("intake:temp",)]


def test_staff_are_no_members_though_only_a_later_event_says_so(raw: RawRows) -> None:
    contexts = {role: '{"user_id": "temp", "role": ' + role + "}" for role in ("null", '"STAFF"')}
    intake(
        raw,
        step("e1", "CREATE_ACCOUNT", NOON, None, cookie="c1"),
        step("e2", "INPUT_FULL_NAME", NOON + timedelta(minutes=1), None, contexts_user=contexts["null"], cookie="c1"),
        step("e3", "CONFIRM_COUNTRY", NOON + timedelta(days=2), None, contexts_user=contexts['"STAFF"']),
        step("e4", "CREATE_ACCOUNT", NOON),
    )
    tables = ("core.funnel_entries", "core.funnel_steps", "marts.intake_funnel")
    raw.query(*tables, sql="SELECT 1")
    for table in tables:
        found = raw.connection.execute(f"SELECT DISTINCT user_key FROM {table}").fetchall()
        assert found == [("intake:ada",)], table


def test_an_empty_id_is_nobody(raw: RawRows) -> None:
    raw.add("consent__events", consent("e1", "asked", NOON, ""), consent("e2", "given", NOON + MICROSECOND, ""))
    raw.add("commerce__events", shop("e1", NOON, user=""))
    intake(raw, step("e1", "CREATE_ACCOUNT", NOON, "", cookie=""), step("e2", "CREATE_ACCOUNT", NOON, "", cookie="c1"))
    found = raw.query("core.consents", "core.users", sql="SELECT user_key, is_paired FROM core.consents")
    assert found == [(None, False), (None, False)]
    assert raw.connection.execute("SELECT user_key FROM core.users").fetchall() == [("intake:cookie:c1",)]


def test_anonymous_events_are_kept_as_the_cookies_or_the_accounts(raw: RawRows) -> None:
    day = timedelta(days=1)
    intake(
        raw,
        step("e1", "CREATE_ACCOUNT", NOON, None, cookie="c1"),
        step("e2", "INPUT_FULL_NAME", NOON + day, "ada", cookie="c1"),
        step("e3", "CREATE_ACCOUNT", NOON - MICROSECOND, None, cookie="c1"),
        step("e4", "CREATE_ACCOUNT", NOON, None),
        step("e5", "CREATE_ACCOUNT", NOON, None, cookie="c2"),
    )
    found = raw.query("core.events", sql="SELECT event_id, user_key FROM core.events ORDER BY event_id")
    assert found == [
        ("e1", "intake:ada"),
        ("e2", "intake:ada"),
        ("e3", "intake:cookie:c1"),
        ("e4", None),
        ("e5", "intake:cookie:c2"),
    ]


def test_pages_have_an_independent_and_a_nested_count(raw: RawRows) -> None:
    raw.add("web_funnel__users", *({"user_id": user, "date": date(2025, 6, 1)} for user in ("ada", "bob", "eve")))
    seen = {"ada": (1, 2, 3), "bob": (1, 3), "eve": (2,)}
    raw.add("web_funnel__pages", *({"user_id": who, "page": f"step{n}"} for who, pages in seen.items() for n in pages))
    found = raw.query(
        "marts.web_funnel",
        sql="SELECT step_number, SUM(visited_count), SUM(reached_count) FROM marts.web_funnel"
        " WHERE step_number <= 4 GROUP BY 1 ORDER BY 1",
    )
    assert found == [(1, 2, 2), (2, 2, 1), (3, 2, 1), (4, 0, 0)]


def test_pages_are_counted_where_nobody_saw_the_first(raw: RawRows) -> None:
    raw.add("web_funnel__users", {"user_id": "ada", "date": date(2025, 6, 1)})
    raw.add("web_funnel__pages", {"user_id": "ada", "page": "step2"})
    found = raw.query("marts.web_funnel", sql="SELECT step_name, visited_count, reached_count FROM marts.web_funnel")
    assert sorted(found) == [(f"step{number}", int(number == 2), 0) for number in range(1, 7)]
    raw.connection.execute("DELETE FROM marts.web_funnel WHERE visited_count = 1")
    assert raw.complaints("marts.web_funnel") == ["reconciles core.events"]


def offer(raw: RawRows, *published: datetime, retired: datetime | None = None) -> None:
    """The offer `game` whose version k was published then; its only task pays k * 100 coins."""
    raw.add("rewards__offers", {"offer_id": "game", "retired_at": retired, "advertiser": "Acme"})
    for number, moment in enumerate(published, 1):
        version = {"offer_version_id": f"v{number}", "offer_id": "game", "version": number, "published_at": moment}
        raw.add("rewards__offer_versions", version, payout_usd=Decimal(1), reward_coins=0, conversion_days=30)
        task = {"offer_task_version_id": f"t{number}", "offer_version_id": f"v{number}", "offer_id": "game"}
        raw.add("rewards__offer_tasks", task, task_id="level", position=1, reward_coins=100 * number)


VERSIONS = "SELECT offer_version_id, valid_from, valid_to, is_current FROM core.offers ORDER BY version_number"


def test_versions_follow_one_another_without_gap_or_overlap(raw: RawRows) -> None:
    first, second, third = NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    offer(raw, first, second, second, third)
    assert raw.query("core.offers", sql=VERSIONS) == [
        ("v1", first, second, False),
        ("v2", second, second, False),
        ("v3", second, third, False),
        ("v4", third, None, True),
    ]


def test_the_time_of_publication_decides_whatever_the_number_of_the_version(raw: RawRows) -> None:
    offer(raw, NOON + timedelta(hours=1), NOON)
    assert raw.query("core.offers", sql=VERSIONS) == [
        ("v1", NOON + timedelta(hours=1), None, True),
        ("v2", NOON, NOON + timedelta(hours=1), False),
    ]


def test_a_retired_offer_has_no_current_version(raw: RawRows) -> None:
    offer(raw, NOON, retired=NOON + timedelta(days=1))
    assert raw.query("core.offers", sql=VERSIONS) == [("v1", NOON, NOON + timedelta(days=1), False)]


def fact(progress_id: str, kind: str, moment: datetime, user: str = "ada", **more: object) -> Row:
    task = "level" if kind == "task_completed" else None
    money = {"coins": 0, "revenue_usd": Decimal(0)}
    named = {"progress_id": progress_id, "kind": kind, "occurred_at": moment, "user_id": user, "task_id": task}
    return {"offer_id": "game", "recorded_at": moment, **money, **named, **more}


TASKS = (
    "SELECT progress_id, offer_task_version_id, repetition, seconds_from_start, is_repeat, is_without_start,"
    " is_before_start FROM core.user_offer_tasks ORDER BY occurred_at, progress_id"
)


@pytest.mark.parametrize(
    ("started", "version"),
    [(at("06-02 12:00"), "t2"), (at("06-02 12:00") - MICROSECOND, "t1"), (NOON - MICROSECOND, None)],
)
def test_without_assignment_the_version_in_force_at_the_start_holds(
    raw: RawRows, started: datetime, version: str | None
) -> None:
    offer(raw, NOON, at("06-02 12:00"), at("06-03 12:00"))
    raw.add("rewards__progress", fact("p1", "started", started), fact("p2", "task_completed", at("06-04 00:00")))
    assert [row[:2] for row in raw.query("core.user_offer_tasks", sql=TASKS)] == [("p2", version)]


def test_what_was_shown_holds_whatever_is_published_until_the_start(raw: RawRows) -> None:
    offer(raw, NOON, at("06-02 12:00"))
    shown = {"user_offer_id": "a1", "user_id": "ada", "offer_id": "game", "offer_version_id": "v1"}
    raw.add("rewards__user_offers", shown, shown_at=at("06-01 13:00"), coin_multiplier=Decimal(1))
    promised = {"user_offer_id": "a1", "task_id": "level", "offer_task_version_id": "t1", "reward_coins": 120}
    raw.add("rewards__user_offer_tasks", promised)
    moments = (fact("p1", "started", at("06-02 13:00")), fact("p2", "task_completed", at("06-02 14:00")))
    raw.add("rewards__progress", *moments, user_offer_id="a1")
    found = raw.query(
        "core.user_offer_tasks",
        sql="SELECT user_offer_key, offer_task_version_id, promised_coin_count FROM core.user_offer_tasks",
    )
    assert found == [("a1", "t1", 120)]


def test_the_version_that_was_shown_has_its_tasks_where_the_assignment_lists_none(raw: RawRows) -> None:
    """A source may have no table of the tasks of assignments; which version was shown it says all the same."""
    offer(raw, NOON, at("06-02 12:00"))
    shown = {"user_offer_id": "a1", "user_id": "ada", "offer_id": "game", "offer_version_id": "v1"}
    raw.add("rewards__user_offers", shown, shown_at=at("06-01 13:00"), coin_multiplier=Decimal("1.5"))
    moments = (fact("p1", "started", at("06-02 13:00")), fact("p2", "task_completed", at("06-02 14:00")))
    raw.add("rewards__progress", *moments, user_offer_id="a1")
    found = raw.query(
        "core.user_offer_tasks",
        sql="SELECT offer_task_version_id, promised_coin_count, tasks_done_count, tasks_shown_count"
        " FROM core.user_offer_tasks JOIN core.user_offers USING (user_offer_key)",
    )
    assert found == [("t1", 150, 1, 1)]


def test_repeats_and_what_comes_before_or_without_a_start_are_kept_and_flagged(raw: RawRows) -> None:
    offer(raw, at("01-01 00:00"))
    hour = timedelta(hours=1)
    raw.add(
        "rewards__progress",
        fact("p1", "task_completed", NOON - hour),
        fact("p2", "started", NOON),
        fact("p3", "task_completed", NOON + hour),
        fact("p4", "task_completed", NOON + 2 * hour, "bob"),
    )
    assert raw.query("core.user_offer_tasks", sql=TASKS) == [
        ("p1", "t1", 1, -3600.0, False, False, True),
        ("p3", "t1", 2, 3600.0, True, False, False),
        ("p4", "t1", 1, None, False, True, False),
    ]


OFFERS_OF_USERS = (
    "SELECT user_key[9:], is_started, is_completed, is_without_start, seconds_to_complete FROM core.user_offers"
    " ORDER BY 1"
)


def test_an_offer_may_be_completed_without_a_start_or_before_it(raw: RawRows) -> None:
    raw.add(
        "rewards__progress",
        fact("p1", "offer_completed", NOON),
        fact("p2", "offer_completed", NOON, "bob"),
        fact("p3", "started", NOON + MICROSECOND, "bob"),
        fact("p4", "started", NOON, "eve"),
        fact("p5", "offer_completed", NOON + timedelta(minutes=1), "eve"),
        fact("p6", "expired", NOON, "joe"),
    )
    assert raw.query("core.user_offers", sql=OFFERS_OF_USERS) == [
        ("ada", False, True, True, None),
        ("bob", True, True, False, None),
        ("eve", True, True, False, 60.0),
        ("joe", False, False, False, None),
    ]


def test_a_thousand_coins_are_a_dollar_and_margins_are_exact(raw: RawRows) -> None:
    money = {"coins": 1001, "revenue_usd": Decimal("2.30")}
    raw.add("rewards__progress", fact("p1", "task_completed", NOON, **money), fact("p2", "started", NOON, coins=1))
    back = {"progress_id": "p1", "user_id": "ada", "offer_id": "game", "charged_back_at": NOON}
    raw.add("rewards__chargebacks", *({**back, "chargeback_id": f"c{i}", "amount_usd": Decimal("0.1")} for i in (1, 2)))
    found = raw.query(
        "core.user_offers",
        sql="SELECT coin_count, payout_usd, revenue_usd, chargeback_usd, margin_usd, chargeback_count"
        " FROM core.user_offers",
    )
    figures = ("1.002", "2.3", "0.2", "1.098")
    assert found == [(1002, *map(Decimal, figures), 1)]


def spend(campaign: str, day: str, usd: str) -> Row:
    named = {"spent_on": date.fromisoformat(day), "campaign_id": campaign, "spend_usd": Decimal(usd)}
    counts = {"impressions": 0, "clicks": 0, "installs": 0}
    return {**counts, **named, "channel": "search", "country": "FR", "platform": "ios"}


def signed_up(user: str, moment: datetime, campaign: str, **more: object) -> Row:
    place = {"country": "FR", "platform": "ios", "channel": "search", "is_staff": False}
    return {**place, "user_id": user, "signed_up_at": moment, "campaign_id": campaign, **more}


def test_acquisition_counts_spend_without_signups_and_leaves_staff_out(raw: RawRows) -> None:
    raw.add("rewards__spend", spend("c1", "2025-06-01", "10"), spend("c2", "2025-06-01", "5"))
    raw.add(
        "rewards__users",
        signed_up("ada", NOON, "c1"),
        signed_up("bob", NOON, "c1"),
        signed_up("boss", NOON, "c1", is_staff=True),
    )
    paid = {"coins": 500, "revenue_usd": Decimal(3)}
    raw.add(
        "rewards__progress",
        fact("p1", "task_completed", at("06-01 23:59"), **paid),
        fact("p2", "task_completed", at("06-02 00:00"), **paid),
        fact("p3", "task_completed", NOON, "boss", **paid),
    )
    found = raw.query(
        "marts.acquisition",
        sql="SELECT campaign_id, days_since_signup, spend_usd, signup_count, activated_count, revenue_usd, margin_usd"
        " FROM marts.acquisition ORDER BY 1, 2",
    )
    assert found == [
        ("c1", 0, 10, 2, 1, 3, Decimal("2.5")),
        ("c1", 1, 0, 0, 0, 3, Decimal("2.5")),
        ("c2", 0, 5, 0, 0, 0, 0),
    ]


def test_payback_is_the_first_day_on_which_the_margin_covers_the_spend_or_none(raw: RawRows) -> None:
    raw.add("rewards__spend", spend("c1", "2025-06-01", "5"), spend("c1", "2025-07-01", "5.000001"))
    raw.add("rewards__users", signed_up("ada", NOON, "c1"), signed_up("bob", at("07-01 12:00"), "c1"))
    paid = {"revenue_usd": Decimal("2.5")}
    raw.add(
        "rewards__progress",
        *(fact(f"{who}{day}", "task_completed", at(f"{month}-{day:02} 12:00"), who, **paid)
          for who, month in (("ada", "06"), ("bob", "07")) for day in (1, 4)),
    )  # fmt: skip
    found = raw.query(
        "marts.acquisition_payback",
        sql="SELECT cohort_month_on, payback_days, is_paid_back FROM marts.acquisition_payback ORDER BY 1",
    )
    assert found == [(date(2025, 6, 1), 3, True), (date(2025, 7, 1), None, False)]


def order(region: str, currency: str, rate: str, status: str = "paid", **more: object) -> Row:
    amounts = {"gross": "100.10", "discount": "10.05", "shipping": "5.00", "tax": "7.77", "total": "102.82"}
    named = {"region": region, "currency": currency, "usd_per_unit": Decimal(rate), "status": status}
    money = {f"{name}_amount": Decimal(amount) for name, amount in amounts.items()}
    return {"order_id": "1", "record_source": "Shopify", "ordered_at": NOON, "quantity": 2, **money, **named, **more}


def test_orders_of_all_regions_and_systems_reconcile_to_the_cent(raw: RawRows) -> None:
    raw.add(
        "commerce__orders",
        order("US", "USD", "1"),
        order("us", "USD", "1", record_source="Recharge", status="Refunded"),
        order("EU", "eur", "1.08", user_id="ada"),
        order("AUS", "AUD", "0.65", status="cancelled"),
    )
    found = raw.query(
        "marts.commerce",
        sql="SELECT region, record_source, currency, order_count, item_count, total_usd, revenue_usd"
        " FROM marts.commerce ORDER BY ALL",
    )
    assert found == [
        ("AUS", "Shopify", "AUD", 1, 2, Decimal("66.833"), 0),
        ("EU", "Shopify", "EUR", 1, 2, Decimal("111.0456"), Decimal("102.654")),
        ("US", "Recharge", "USD", 1, 2, Decimal("102.82"), 0),
        ("US", "Shopify", "USD", 1, 2, Decimal("102.82"), Decimal("95.05")),
    ]
    orders = "SELECT COUNT(*), COUNT(*) FILTER (is_guest), SUM(total_amount) FROM core.orders"
    assert raw.connection.execute(orders).fetchall() == [(4, 3, Decimal("411.28"))]


SIGNALS = "SELECT fast_completion_count, completion_count, unstarted_completion_count FROM marts.fraud_signals"


@pytest.mark.parametrize(("seconds", "fast"), [(14.999999, 1), (15.0, 0)])
def test_a_completion_is_too_fast_under_15_seconds(raw: RawRows, seconds: float, fast: int) -> None:
    raw.add("rewards__users", signed_up("ada", NOON, "c1"))
    done = fact("p2", "task_completed", NOON + timedelta(seconds=seconds))
    raw.add("rewards__progress", fact("p1", "started", NOON), done)
    assert raw.query("marts.fraud_signals", sql=SIGNALS) == [(fast, 1, 0)]


def test_accounts_are_counted_once_per_device_and_address(raw: RawRows) -> None:
    raw.add("rewards__users", *(signed_up(user, NOON, "c1") for user in ("ada", "bob", "eve")))
    devices = (("ada", "d1", "1.1.1.1"), ("ada", "d2", "1.1.1.1"), ("bob", "d1", None), ("eve", "d3", "1.1.1.1"))
    raw.add("rewards__devices", *({"user_id": who, "device_id": one, "ip_address": ip} for who, one, ip in devices))
    found = raw.query(
        "marts.fraud_signals",
        sql="SELECT user_key[9:], accounts_on_device_count, accounts_on_ip_count FROM marts.fraud_signals ORDER BY 1",
    )
    assert found == [("ada", 2, 2), ("bob", 2, 0), ("eve", 1, 2)]


def test_the_first_row_of_a_journey_does_not_depend_on_arrival(raw: RawRows) -> None:
    """Whatever the order in which rows were loaded, the total order is that of time and id."""
    rows = [shop(f"e{number}", NOON + (number % 3) * timedelta(minutes=1)) for number in range(6)]
    orders: tuple[Callable[[list[Row]], list[Row]], ...] = (list, lambda given: given[::-1])
    found = []
    for arranged in orders:
        raw.clear()
        raw.add("commerce__events", *arranged(rows))
        found.append(raw.query("core.sessions", sql=SESSIONS))
    assert found == [[("e0", 6, 120.0)]] * 2
