"""`headrace ingest`, `sqlmesh run` and `headrace build` over batches that come late and out of order give the same
tables, row for row, as one build of everything at once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from headrace.build import build
from headrace.config import load_settings
from headrace.models import Span
from headrace.terminal import Terminal
from tests.commandline import environ, headrace
from tests.ingestion.conftest import event, export

ROOT = Path(__file__).resolve().parents[2]
BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
LATEST = 3
"""Days by which rows are late at most: `lookback_days`."""
STEPS = (
    "CREATE_ACCOUNT",
    "INPUT_FULL_NAME",
    "CONFIRM_COUNTRY",
    "VERIFY_ELIGIBILITY",
    "CAREGIVING_GOAL",
    "CREATE_PROJECT",
)
CONSENTS = ("consent.asked", "consent.given", "pageview")
VISITS = ("page_view", "add_to_cart", "checkout", "purchase")
UNUSED = (
    "app_id", "platform", "dvce_created_tstamp", "domain_sessionid", "page_urlpath", "geo_country", "geo_timezone",
    "user_ipaddress", "useragent", "br_family", "dvce_type",
)  # fmt: skip
"""What Snowplow tells beyond what this test needs."""
BATCHES = (("build", 3), ("run", 5), ("run", 8), ("build", 11))
"""What is done after each batch, and the last day that it brings."""


@dataclass(frozen=True)
class Happening:
    """One event of a source; `arrival` is the day when it becomes known."""

    source: str
    number: int
    user: str | None
    name: str
    at: datetime
    arrival: int

    @property
    def time(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S.%f}"


def history(seed: int) -> list[Happening]:
    """Events of twelve days, around midnights and the edges of sessions, many of them late; every day has some."""
    chance = random.Random(seed)
    names = {"consent": CONSENTS, "commerce": VISITS, "intake": STEPS}
    found = []
    for number in range(420):
        source = chance.choice([*names])
        day = number % (BATCHES[-1][1] + 1)
        minute = chance.choice([0, 1, 29, 30, 31, 720, 735, 750, 1409, 1439])
        moment = BEGIN + timedelta(days=day, minutes=minute, microseconds=chance.choice([0, 0, 1]))
        user = chance.choice(["ada", "bob", None]) if source == "intake" else chance.choice(["ada", "bob", "eve"])
        arrival = day + chance.choice([0, 0, 0, 1, 2, LATEST])
        found.append(Happening(source, number, user, chance.choice(names[source]), moment, min(arrival, 11)))
    chance.shuffle(found)
    return found


def deliver(data: Path, name: str, happenings: Iterable[Happening]) -> None:
    """Write an export of each source, rows in no order of time."""
    folder, known = data / "sample", list(happenings)
    of = {source: [one for one in known if one.source == source] for source in ("consent", "commerce", "intake")}
    header = export(folder / "consent" / f"events-{name}.csv", [consent_line(one) for one in of["consent"]])
    header.write_text(header.read_text().replace("DEVICE_TYPE\n", "DEVICE_TYPE,USER_ID\n", 1))
    lines = [f"s{one.number},{one.user},{one.time},{one.name},EU,,," for one in of["commerce"]]
    columns = "event_id,user_id,event_time,event_name,region,page,device,order_id"
    export(folder / "commerce" / f"events-{name}.csv", lines, header=columns)
    path = folder / "intake" / f"events-{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(snowplow(one)) + "\n" for one in of["intake"]))


def consent_line(one: Happening) -> str:
    line = event(one.number, TYPE=one.name, EVENT_TIME=one.time, CONSENT="opt-out", RATE="0.1000000015")
    return f"{line},{one.user}"


def snowplow(one: Happening) -> dict[str, object]:
    step = {"schema": "iglu:com.wellthy/funnel/jsonschema/1-0-4", "data": {"funnel_name": "f", "step_name": one.name}}
    contexts = {"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": [step]}
    moment = {"collector_tstamp": one.time, "derived_tstamp": one.time}
    account = {"user_id": one.user, "domain_userid": f"cookie-{one.number % 2}"}
    rest = dict.fromkeys(UNUSED)
    return {
        **rest,
        "event_id": f"i{one.number}",
        "event_name": "funnel",
        **moment,
        **account,
        "contexts": json.dumps(contexts),
    }


def run_models(data: Path) -> None:
    command = [str(Path(sys.executable).with_name("sqlmesh")), "-p", "sqlmesh_project", "run"]
    done = subprocess.run(command, cwd=ROOT, env=environ(data), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tables(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of everything in core and marts, without when and in which batch they came."""
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema IN ('core', 'marts') ORDER BY 1"
        ).fetchall()
        shown = {"core.events": "* EXCLUDE (batch_id, loaded_at)"}
        return {
            name: connection.execute(f"SELECT {shown.get(name, '*')} FROM {name} ORDER BY ALL").fetchall()
            for (name,) in names
        }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_order_of_arrival_gives_what_one_build_gives(tmp_path: Path) -> None:
    seed = 20250601
    happenings = history(seed)
    by_batches, at_once = tmp_path / "by_batches", tmp_path / "at_once"
    done = -1
    for action, last in BATCHES:
        deliver(by_batches, f"{last:02}", [one for one in happenings if done < one.arrival <= last])
        if action == "build":
            headrace("build", "--quiet", data=by_batches)
        else:
            for source in ("consent", "commerce", "intake"):
                headrace("ingest", source, "--from", str(by_batches / "sample" / source), data=by_batches)
            run_models(by_batches)
        done = last
    deliver(at_once, "all", happenings)
    headrace("build", "--quiet", data=at_once)
    found, expected = tables(by_batches), tables(at_once)
    assert len(expected["core.events"]) == len(happenings)
    assert len(expected["core.sessions"]) > 50
    assert [name for name in expected if found[name] != expected[name]] == [], f"seed {seed}"


def members(data: Path, name: str, *lines: str) -> None:
    columns = "user_id,client_id,role,country,timezone,is_eligibility_verified,created_at,updated_at"
    export(data / "sample" / "intake" / f"members-{name}.csv", lines, header=columns)


def order(data: Path, name: str, status: str, updated: str) -> None:
    columns = (
        "order_id,user_id,ordered_at,updated_at,region,record_source,status,currency,usd_per_unit,quantity,"
        "gross_amount,discount_amount,shipping_amount,tax_amount,total_amount"
    )
    line = f"o1,ada,{BEGIN:%Y-%m-%d %H:%M:%S},{updated},US,Shopify,{status},USD,1,1,10,0,0,0,10"
    export(data / "sample" / "commerce" / f"orders-{name}.csv", [line], header=columns)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_restatement_brings_in_what_came_weeks_late(tmp_path: Path) -> None:
    """A first step takes the place of a later one; events of any later day are of another client and of the staff."""
    days = {"ada": 20, "bob": 1, "eve": 15}
    known = [
        Happening("intake", number, user, "CREATE_ACCOUNT", BEGIN + timedelta(days=day), 0)
        for number, (user, day) in enumerate(days.items())
    ]
    known += [
        Happening(source, 8, "ada", "pageview", BEGIN + timedelta(days=20), 0) for source in ("consent", "commerce")
    ]
    known.append(Happening("consent", 7, "ada", "pageview", datetime(2014, 12, 31, tzinfo=UTC), 0))
    late = Happening("intake", 9, "ada", "CREATE_ACCOUNT", BEGIN + timedelta(days=2), 1)
    created = f"{BEGIN:%Y-%m-%d %H:%M:%S}"
    joined = f"eve,c1,MEMBER,US,UTC,true,{created},{created}"
    hired = f"eve,c2,STAFF,FR,UTC,true,{created},2025-06-20 00:00:00"
    late_folder, at_once = tmp_path / "late", tmp_path / "at_once"
    deliver(late_folder, "1", known)
    members(late_folder, "1", joined)
    order(late_folder, "1", "paid", created)
    before = "raw.consent__events has rows from 2014-12-31 on, and the models begin on 2015-01-01"
    assert before in headrace("build", "--quiet", data=late_folder).stderr
    (late_folder / "sample" / "intake" / "events-2.jsonl").write_text(json.dumps(snowplow(late)) + "\n")
    members(late_folder, "2", hired)
    order(late_folder, "2", "refunded", "2025-06-20 00:00:00")
    told = headrace("build", "--quiet", data=late_folder).stderr
    assert "raw.intake__events came later than the lookback" in told
    assert "raw.commerce__orders" not in told, "orders are read as a whole"
    assert [row for row in tables(late_folder)["core.orders"] if "refunded" in row]
    headrace("build", "--restate", "--quiet", data=late_folder)

    deliver(at_once, "1", [*known, late])
    members(at_once, "1", joined)
    members(at_once, "2", hired)
    for name, status, updated in (("1", "paid", created), ("2", "refunded", "2025-06-20 00:00:00")):
        order(at_once, name, status, updated)
    headrace("build", "--quiet", data=at_once)
    found, expected = tables(late_folder), tables(at_once)
    assert [name for name in expected if found[name] != expected[name]] == []


def a_day_later(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back the day that models which show the present were built for last: as on the next morning."""
    monkeypatch.setenv("HEADRACE_DATA", str(data))
    context = Context(paths=str(ROOT / "sqlmesh_project"))
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    day = (int(yesterday.timestamp() * 1000), int((yesterday + timedelta(days=1)).timestamp() * 1000))
    built = [(one, day) for one in context.snapshots.values() if one.is_model and not one.is_symbolic]
    context.state_sync.remove_intervals(built)
    context.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_a_build_on_the_next_morning_computes_the_days_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happenings = history(seed := 20250602)
    by_day, at_once = tmp_path / "by_day", tmp_path / "at_once"
    deliver(by_day, "08", [one for one in happenings if one.arrival <= 8])
    headrace("build", "--quiet", data=by_day)
    a_day_later(by_day, monkeypatch)
    deliver(by_day, "11", [one for one in happenings if one.arrival > 8])
    restated: list[Span] = []
    monkeypatch.setattr("headrace.models._restate", lambda _, __, span, ___: restated.append(span))
    assert build(load_settings(ROOT), environment="prod", restate=False, terminal=Terminal(quiet=True))
    assert restated == [], "the run has read the late rows already, with the new days"

    deliver(at_once, "all", happenings)
    headrace("build", "--quiet", data=at_once)
    found, expected = tables(by_day), tables(at_once)
    assert [name for name in expected if found[name] != expected[name]] == [], f"seed {seed}"
