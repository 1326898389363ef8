"""What the metrics answer beside plain Python over the raw rows of the sample: no model and no engine in between."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from headrace.config import load_settings
from headrace.query import run_query
from headrace.warehouse import open_warehouse

Row = dict[str, Any]
Raw = Callable[[str], list[Row]]
Key = tuple[object, ...]
Answer = dict[Key, tuple[object, ...]]
Ask = Callable[[str, int], Answer]

INTAKE = (
    "CREATE_ACCOUNT",
    "INPUT_FULL_NAME",
    "CONFIRM_COUNTRY",
    "VERIFY_ELIGIBILITY",
    "CAREGIVING_GOAL",
    "CREATE_PROJECT",
)
ROBOTS = ("bot", "crawl", "spider", "headless")


@pytest.fixture(scope="module")
def raw(built: Path) -> Raw:
    """All rows of a raw table."""

    @cache
    def rows(table: str) -> list[Row]:
        with open_warehouse(load_settings(environ={"HEADRACE_DATA": str(built)}), read_only=True) as backend:
            cursor = backend.con.execute(f"SELECT COLUMNS('^[^_]') FROM raw.{table}")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return rows


@pytest.fixture(scope="module")
def ask(built: Path) -> Ask:
    """The answer to semantic SQL: its first so many columns -> the others."""
    settings = load_settings(environ={"HEADRACE_DATA": str(built)})

    def answer(sql: str, keys: int) -> Answer:
        result = run_query(settings, sql, environment="prod", warn=pytest.fail)
        rows = [tuple(_plain(value) for value in row) for row in result.rows]
        return {row[:keys]: row[keys:] for row in rows}

    return answer


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return value[:10] if isinstance(value, str) and value.endswith("T00:00:00.000") else value


def assert_same(found: Answer, expected: Mapping[Any, Iterable[object]]) -> None:
    """The same keys, and the same values but for the noise of floats."""
    assert found
    assert found == {
        tuple(_plain(one) for one in (key if isinstance(key, tuple) else (key,))): tuple(
            None if one is None else pytest.approx(_plain(one), rel=1e-6, abs=1e-6) for one in values
        )
        for key, values in expected.items()
    }


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def month(moment: date) -> date:
    return date(moment.year, moment.month, 1)


def test_consent_rates(raw: Raw, ask: Ask) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for event in raw("consent__events"):
        counts[event["apikey"]][event["type"]] += event["count"] / round(event["rate"] or 1, 6)
    found = ask(
        "SELECT company, MEASURE(asked_count), MEASURE(given_count), MEASURE(consent_rate) FROM consent GROUP BY 1", 1
    )
    expected = {}
    for company, of in counts.items():
        asked, given = of["consent.asked"], of["consent.given"]
        expected[company] = (asked, given, ratio(given, asked))
    assert_same(found, expected)


def test_times_to_the_answer(raw: Raw, ask: Ask) -> None:
    countries = {company["public_api_key"]: company["hq_country"] for company in raw("consent__companies")}
    journeys: dict[Key, list[tuple[datetime, str, str]]] = defaultdict(list)
    times: dict[str | None, list[float]] = defaultdict(list)
    for event in raw("consent__events"):
        times[countries.get(event["apikey"])] += []
        if event["user_id"] and event["type"] in ("consent.asked", "consent.given"):
            journeys[event["apikey"], event["user_id"]].append((event["event_time"], event["event_id"], event["type"]))
    for (company, _), events in journeys.items():
        events.sort()
        for (asked_at, _, first), (given_at, _, second) in pairwise(events):
            if (first, second) == ("consent.asked", "consent.given") and given_at - asked_at <= timedelta(days=7):
                times[countries.get(str(company))].append((given_at - asked_at).total_seconds())
    found = ask(
        "SELECT hq_country, MEASURE(answered_count), MEASURE(mean_seconds_to_given), MEASURE(median_seconds_to_given)"
        " FROM consent GROUP BY 1",
        1,
    )
    expected = {
        country: (len(of), statistics.fmean(of) if of else None, statistics.median(of) if of else None)
        for country, of in times.items()
    }
    assert_same(found, expected)


def test_drop_off_of_pages(raw: Raw, ask: Ask) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for view in raw("web_funnel__pages"):
        seen[view["user_id"]].add(view["page"])
    nested: dict[date, Counter[int]] = defaultdict(Counter)
    single: dict[date, Counter[int]] = defaultdict(Counter)
    for user in raw("web_funnel__users"):
        pages = [f"step{number}" in seen[user["user_id"]] for number in (1, 2, 3, 4, 5)]
        for number in (4, 5):
            nested[month(user["date"])][number] += all(pages[:number])
            single[month(user["date"])][number] += pages[number - 1]
    found = ask(
        "SELECT DATE_TRUNC('month', visited_on), MEASURE(drop_off_4_to_5), MEASURE(visit_drop_off_4_to_5)"
        " FROM web_funnel GROUP BY 1",
        1,
    )
    assert_same(found, {of: (1 - nested[of][5] / nested[of][4], 1 - single[of][5] / single[of][4]) for of in nested})


class Rewards:
    """The offerwall's raw rows, looked up as the questions need them."""

    def __init__(self, raw: Raw) -> None:
        self.users = {user["user_id"]: user for user in raw("rewards__users")}
        self.members = {name: user for name, user in self.users.items() if not user["is_staff"]}
        self.spend = raw("rewards__spend")
        self.progress = raw("rewards__progress")
        self.assignments = {one["user_offer_id"]: one for one in raw("rewards__user_offers")}
        self.refused: Counter[str] = Counter()
        for one in raw("rewards__chargebacks"):
            self.refused[one["progress_id"]] += one["amount_usd"]

    def channel(self, row: Row) -> str:
        return row["channel"] or "unknown"

    def margin(self, fact: Row) -> Decimal:
        margin: Decimal = fact["revenue_usd"] - self.refused[fact["progress_id"]] - Decimal(fact["coins"]) / 1000
        return margin

    def day(self, fact: Row) -> int:
        """Days since the sign-up; what was recorded before it is of its day."""
        signed_up_at = self.users[fact["user_id"]]["signed_up_at"]
        return max((fact["occurred_at"].date() - signed_up_at.date()).days, 0)

    def offers(self) -> dict[str, list[Row]]:
        """Assignments -> their facts in order; a fact that names none is of the one that its user has of the offer."""
        of_user = {(one["user_id"], one["offer_id"]): name for name, one in self.assignments.items()}
        found: dict[str, list[Row]] = {name: [] for name in self.assignments}
        for fact in sorted(self.progress, key=lambda fact: (fact["occurred_at"], fact["progress_id"])):
            found[fact["user_offer_id"] or of_user[fact["user_id"], fact["offer_id"]]].append(fact)
        return found


@pytest.fixture(scope="module")
def rewards(raw: Raw) -> Rewards:
    return Rewards(raw)


def test_acquisition(rewards: Rewards, ask: Ask) -> None:
    spend: Counter[str] = Counter()
    signups: Counter[str] = Counter()
    activated: Counter[str] = Counter()
    revenue: Counter[tuple[str, int]] = Counter()
    for row in rewards.spend:
        spend[rewards.channel(row)] += row["spend_usd"]
    active = {fact["user_id"] for fact in rewards.progress if fact["kind"] == "task_completed"}
    for name, user in rewards.members.items():
        signups[rewards.channel(user)] += 1
        activated[rewards.channel(user)] += name in active
    for fact in rewards.progress:
        if fact["user_id"] in rewards.members:
            for until in (1, 7, 30):
                if rewards.day(fact) <= until:
                    revenue[rewards.channel(rewards.members[fact["user_id"]]), until] += fact["revenue_usd"]
    found = ask(
        "SELECT channel, MEASURE(spend_usd), MEASURE(signup_count), MEASURE(activated_count),"
        " MEASURE(cost_per_activated_user_usd), MEASURE(roas_day_1), MEASURE(roas_day_7), MEASURE(roas_day_30)"
        " FROM acquisition GROUP BY 1",
        1,
    )
    expected = {}
    for channel in {*spend, *signups}:
        paid = float(spend[channel])
        returns = [ratio(float(revenue[channel, until]), paid) for until in (1, 7, 30)]
        counts = (signups[channel], activated[channel], ratio(paid, activated[channel]))
        expected[channel] = (paid, *counts, *returns)
    assert_same(found, expected)


def test_payback(rewards: Rewards, ask: Ask) -> None:
    spend: Counter[Key] = Counter()
    margins: dict[Key, Counter[int]] = defaultdict(Counter)
    for row in rewards.spend:
        spend[month(row["spent_on"]), rewards.channel(row)] += row["spend_usd"]
    for user in rewards.members.values():
        margins[month(user["signed_up_at"]), rewards.channel(user)][0] += 0
    for fact in rewards.progress:
        if user := rewards.members.get(fact["user_id"]):
            cohort = (month(user["signed_up_at"]), rewards.channel(user))
            margins[cohort][rewards.day(fact)] += rewards.margin(fact)
    days: dict[object, list[int | None]] = defaultdict(list)
    for cohort in {*spend, *margins}:
        so_far = {day: sum(margins[cohort][one] for one in margins[cohort] if one <= day) for day in margins[cohort]}
        days[cohort[1]].append(min((day for day, sum_ in so_far.items() if sum_ >= spend[cohort]), default=None))
    found = ask(
        "SELECT channel, MEASURE(cohort_count), MEASURE(paid_back_count), MEASURE(mean_payback_days)"
        " FROM payback GROUP BY 1",
        1,
    )
    expected = {}
    for channel, of in days.items():
        known = [day for day in of if day is not None]
        expected[channel] = (len(of), len(known), statistics.fmean(known) if known else None)
    assert_same(found, expected)


def test_offers(rewards: Rewards, raw: Raw, ask: Ask) -> None:
    platforms = {offer["offer_id"]: offer["platform"] for offer in raw("rewards__offers")}
    counts: dict[Key, Counter[str]] = defaultdict(Counter)
    for name, facts in rewards.offers().items():
        assignment = rewards.assignments[name]
        of = counts[platforms[assignment["offer_id"]], rewards.users[assignment["user_id"]]["country"]]
        of["margin"] += sum((rewards.margin(fact) for fact in facts), Decimal(0))
        for kind in ("started", "offer_completed"):
            of[kind] += any(fact["kind"] == kind for fact in facts)
    found = ask(
        "SELECT platform, country, MEASURE(start_count), MEASURE(completion_rate), MEASURE(margin_usd)"
        " FROM offers GROUP BY 1, 2",
        2,
    )
    expected = {
        key: (of["started"], ratio(of["offer_completed"], of["started"]), of["margin"]) for key, of in counts.items()
    }
    assert_same(found, expected)


def test_drop_off_of_tasks(rewards: Rewards, raw: Raw, ask: Ask) -> None:
    tasks: dict[str, list[Row]] = defaultdict(list)
    for task in raw("rewards__offer_tasks"):
        tasks[task["offer_version_id"]].append(task)
    started: Counter[Key] = Counter()
    done: Counter[Key] = Counter()
    for name, facts in rewards.offers().items():
        if any(fact["kind"] == "started" for fact in facts):
            completed = {fact["task_id"] for fact in facts if fact["kind"] == "task_completed"}
            for task in tasks[rewards.assignments[name]["offer_version_id"]]:
                started[task["offer_id"], task["position"]] += 1
                done[task["offer_id"], task["position"]] += task["task_id"] in completed
    found = ask(
        "SELECT offer, position, MEASURE(started_count), MEASURE(done_count), MEASURE(drop_off)"
        " FROM offer_tasks GROUP BY 1, 2",
        2,
    )
    assert_same(found, {key: (started[key], done[key], 1 - done[key] / started[key]) for key in started})


def test_fraud_review(rewards: Rewards, raw: Raw, ask: Ask) -> None:
    on_device: dict[str, set[str]] = defaultdict(set)
    on_address: dict[str, set[str]] = defaultdict(set)
    devices = raw("rewards__devices")
    for device in devices:
        on_device[device["device_id"]].add(device["user_id"])
        if device["ip_address"]:
            on_address[device["ip_address"]].add(device["user_id"])
    fast: Counter[str] = Counter()
    unstarted: Counter[str] = Counter()
    for facts in rewards.offers().values():
        last = min((fact["occurred_at"] for fact in facts if fact["kind"] == "started"), default=None)
        is_started = last is not None
        for fact in (fact for fact in facts if fact["kind"] == "task_completed"):
            fast[fact["user_id"]] += last is not None and 0 <= (fact["occurred_at"] - last).total_seconds() < 15
            unstarted[fact["user_id"]] += not is_started
            last = fact["occurred_at"]
    refused = Counter(fact["user_id"] for fact in rewards.progress if fact["progress_id"] in rewards.refused)
    scores: Counter[str] = Counter()
    for name in rewards.members:
        own = [device for device in devices if device["user_id"] == name] if fast[name] or refused[name] else []
        scores[name] += 40 * any(len(on_device[device["device_id"]]) >= 3 for device in own)
        scores[name] += 15 * any(len(on_address[device["ip_address"]]) >= 10 for device in own)
        scores[name] += 30 * (fast[name] >= 3) + 25 * (refused[name] >= 2) + 10 * (unstarted[name] >= 2)
    found = ask("SELECT reviewed_user, score FROM fraud WHERE is_for_review = TRUE GROUP BY 1, 2", 1)
    assert_same(found, {f"rewards:{name}": (min(score, 100),) for name, score in scores.items() if score >= 50})


def test_revenue_of_the_shop(raw: Raw, ask: Ask) -> None:
    sums: dict[Key, Counter[str]] = defaultdict(Counter)
    for order in raw("commerce__orders"):
        of = sums[order["region"].upper(), order["record_source"]]
        of.update(orders=1, items=order["quantity"])
        if order["status"].lower() == "paid":
            amount = order["gross_amount"] - order["discount_amount"] + order["shipping_amount"]
            of["revenue"] += round(amount * order["usd_per_unit"], 6)
    found = ask(
        "SELECT region, record_source, MEASURE(order_count), MEASURE(item_count), MEASURE(revenue_usd)"
        " FROM commerce GROUP BY 1, 2",
        2,
    )
    assert_same(found, {key: (of["orders"], of["items"], of["revenue"]) for key, of in sums.items()})


def test_sessions_of_the_shop(raw: Raw, ask: Ask) -> None:
    journeys: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for event in raw("commerce__events"):
        if event["user_id"]:
            journeys[event["user_id"]].append((event["event_time"], event["event_id"]))
    sizes: dict[date, list[int]] = defaultdict(list)
    for events in journeys.values():
        begun = last = datetime.min.replace(tzinfo=events[0][0].tzinfo)
        for moment, _ in sorted(events):
            if moment - last > timedelta(minutes=30) or moment - begun > timedelta(hours=24):
                begun = moment
                sizes[month(begun)].append(0)
            sizes[month(begun)][-1] += 1
            last = moment
    found = ask(
        "SELECT DATE_TRUNC('month', started_at), MEASURE(session_count), MEASURE(bounce_rate) FROM sessions"
        " WHERE record_source = 'commerce' GROUP BY 1",
        1,
    )
    assert_same(found, {of: (len(events), events.count(1) / len(events)) for of, events in sizes.items()})


def test_steps_of_the_intake_by_client(raw: Raw, ask: Ask) -> None:
    members = {member["user_id"]: member for member in raw("intake__members")}
    clients = {client["client_id"]: client["client_name"] for client in raw("intake__clients")}
    reached: Counter[Key] = Counter()
    for user, events in _accounts(raw("intake__events")).items():
        profile = members.get(user, {"role": None, "client_id": None})
        if "STAFF" in (profile["role"], *(event["role"] for event in events)):
            continue
        done = _walk(events)
        for number in range(1, len(INTAKE) + 1) if done else ():
            reached[clients.get(profile["client_id"]), number] += number <= done
    found = ask(
        "SELECT client, step_number, MEASURE(reached_count) FROM intake WHERE six_steps IS TRUE GROUP BY 1, 2", 2
    )
    assert_same(found, {key: (count,) for key, count in reached.items()})


def _accounts(rows: list[Row]) -> dict[str, list[Row]]:
    """Events per account: an event without one is of the account that its cookie shows next, within a day."""
    events = []
    for row in rows:
        funnel, user = (json.loads(row[name] or "{}") for name in ("contexts_funnel", "contexts_user"))
        moment = (row["derived_tstamp"] or row["collector_tstamp"], row["event_id"])
        account = user.get("user_id") or row["user_id"]
        is_bot = any(one in (row["useragent"] or "").lower() for one in ROBOTS)
        event = {"moment": moment, "account": account, "cookie": row["domain_userid"], "role": user.get("role")}
        events.append({**event, "step": funnel.get("step_name"), "action": funnel.get("step_action"), "is_bot": is_bot})
    following: dict[str, tuple[str, datetime]] = {}
    accounts: dict[str, list[Row]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event["moment"], reverse=True):
        if event["account"]:
            following[event["cookie"]] = (event["account"], event["moment"][0])
        account, seen_at = following.get(event["cookie"], (None, event["moment"][0]))
        is_soon = account is not None and seen_at <= event["moment"][0] + timedelta(days=1)
        name = event["account"] or (account if is_soon else event["cookie"] and f"cookie:{event['cookie']}")
        if name and not event["is_bot"]:
            accounts[name].insert(0, event)
    return accounts


def _walk(events: list[Row]) -> int:
    """How many of the six steps an account went through in their order, within a week of the first."""
    done = 0
    entered_at = None
    for event in events:
        moment = event["moment"][0]
        if done < len(INTAKE) and event["step"] == INTAKE[done] and event["action"] != "fail":
            entered_at = entered_at or moment
            if moment > entered_at + timedelta(days=7):
                break
            done += 1
    return done
