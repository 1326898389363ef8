"""docs/operations.md, command by command and in its order, on a copy of the project and of a warehouse."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "operations.md"
SQLMESH = "sqlmesh -p sqlmesh_project "


def commands() -> list[str]:
    """What the page's code fences tell to run, without comments."""
    fences = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    lines = [line.split("#")[0].strip() for fence in fences for line in fence.splitlines()]
    return [line for line in lines if line]


@dataclass
class Scratch:
    """A copy of the project, to change models in, and a data folder of its own."""

    project: Path
    data: Path

    def run(self, command: str, code: int) -> str:
        """Run a command as the page has it; what it printed."""
        program, *arguments = shlex.split(command)
        environ = {**os.environ, "HEADRACE_DATA": str(self.data), "PYTHONPATH": str(self.project), "COLUMNS": "200"}
        path = str(Path(sys.executable).with_name(program))
        done = subprocess.run(
            [path, *arguments], cwd=self.project, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def change(self, model: str, old: str, new: str) -> None:
        path = self.project / "sqlmesh_project" / "models" / f"{model.replace('.', '/')}.sql"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.data / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()


@pytest.fixture
def scratch(data_folder: Path, tmp_path: Path) -> Scratch:
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns(".cache", "logs", "__pycache__", "node_modules")
    for part in ("sqlmesh_project", "semantic", "ingestion", "contracts", "headrace"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "config.yaml", folder / "config.yaml")
    return Scratch(folder, data_folder)


DEV_VIEWS = (
    "SELECT table_schema || '.' || table_name FROM information_schema.tables"
    " WHERE ends_with(table_schema, '__dev') ORDER BY 1"
)
SMALL_DOMAINS = "SELECT count(*) FILTER (domain = upper(domain)), count(*) > 0 FROM core.consents"
SHOP_DOMAINS = "SELECT DISTINCT domain FROM core.events WHERE record_source = 'commerce'"
BACKFILLED = re.compile(r"\[(?:insert|full refresh|recreate view)")

Check = Callable[[Scratch, str], None]


def unchanged(_: Scratch, said: str) -> None:
    assert "No changes to plan" in said


def nothing_is_new(_: Scratch, said: str) -> None:
    assert "None ready: no intervals" in said
    assert not BACKFILLED.search(said)


def unit_tests_pass(_: Scratch, said: str) -> None:
    assert re.search(r"Successfully Ran `\d\d` Tests", said)


def rendered(_: Scratch, said: str) -> None:
    assert 'FROM "sessionized"' in said


def dev_has_what_changed(scratch: Scratch, said: str) -> None:
    assert "Tests Against" in said, "a plan runs the unit tests"
    assert scratch.rows(DEV_VIEWS) == [("core__dev.consents",), ("marts__dev.consent_events",)]
    assert scratch.rows(SMALL_DOMAINS) != scratch.rows(SMALL_DOMAINS.replace("core.", "core__dev."))


def only_the_domain_differs(_: Scratch, said: str) -> None:
    shares = dict(re.findall(r"^(\w+) +([\d.]+)$", said, flags=re.M))
    assert {name for name, share in shares.items() if share != "100.0"} == {"domain"}
    assert len(shares) > 10


def compared(_: Scratch, said: str) -> None:
    assert "the data differ" in said
    assert re.findall(r"^│ (\w+) +│ +[\d,]+ │ +\d+ │ +\d+ │", said, flags=re.M) == ["domain"]


def promoted(scratch: Scratch, said: str) -> None:
    assert not BACKFILLED.search(said), "the tables of dev are promoted: nothing is computed twice"
    assert scratch.rows(SMALL_DOMAINS) == scratch.rows(SMALL_DOMAINS.replace("core.", "core__dev."))


def the_past_stands(scratch: Scratch, _: str) -> None:
    assert scratch.rows(SHOP_DOMAINS) == [(None,)]


def the_past_is_restated(scratch: Scratch, _: str) -> None:
    assert scratch.rows(SHOP_DOMAINS) == [("shop",)]


def a_month_is_restated(scratch: Scratch, said: str) -> None:
    assert re.search(r"core\.events +\[insert 2025-06-01 - 2025-07-01", said)
    assert re.search(r"core\.sessions +\[insert 2025-06-01 - 2025-07-01", said), "and not days that have not arrived"


def the_same(_: Scratch, said: str) -> None:
    assert "the same data" in said


def taken_down(scratch: Scratch, _: str) -> None:
    assert scratch.rows(DEV_VIEWS) == []


def upper_domains(scratch: Scratch) -> None:
    scratch.change("core.consents", "  domain, /*", "  UPPER(domain) AS domain, /*")


def shop_domain(scratch: Scratch) -> None:
    """A shop's event is the only one with a region and no browser."""
    columns = "    NULL::STRING AS browser,\n    NULL::STRING AS domain,\n    NULL::STRING AS country,\n    region,"
    scratch.change("core.events", columns, columns.replace("NULL::STRING AS domain", "'shop' AS domain"))


def as_it_is(_: Scratch) -> None:
    """Nothing to prepare."""


def said_nothing(_: Scratch, __: str) -> None:
    """Its exit code says it all."""


PLAN = f"{SQLMESH}plan"
APPLY = "--auto-apply --no-prompts"
COMPARE = "headrace compare core.consents@prod core.consents@dev --key consent_key"
SCRIPT: tuple[tuple[str, int, Callable[[Scratch], None], Check], ...] = (
    (PLAN, 0, as_it_is, unchanged),
    (f"{SQLMESH}run", 0, as_it_is, nothing_is_new),
    (f"{SQLMESH}test", 0, as_it_is, unit_tests_pass),
    (f"{SQLMESH}lint", 0, as_it_is, said_nothing),
    (f"{SQLMESH}format --check", 0, as_it_is, said_nothing),
    (f"{SQLMESH}render core.sessions --dialect duckdb", 0, as_it_is, rendered),
    (f"{PLAN} dev {APPLY} --start 2015-01-01", 0, upper_domains, dev_has_what_changed),
    (f"{SQLMESH}table_diff prod:dev core.consents --on consent_key", 0, as_it_is, only_the_domain_differs),
    (COMPARE, 1, as_it_is, compared),
    (f"{PLAN} {APPLY}", 0, as_it_is, promoted),
    (f"{PLAN} {APPLY}", 0, shop_domain, the_past_stands),
    (f"{PLAN} --restate-model core.events --start 2015-01-01 {APPLY}", 0, as_it_is, the_past_is_restated),
    (f"{PLAN} --restate-model core.events --start 2025-06-01 {APPLY}", 0, as_it_is, a_month_is_restated),
    (COMPARE, 0, as_it_is, the_same),
    (f"{SQLMESH}invalidate dev", 0, as_it_is, said_nothing),
    (f"{SQLMESH}janitor", 0, as_it_is, taken_down),
)
"""For each command of the page: its exit code, what is changed before it, and what the page says of it."""


def test_the_script_has_the_commands_of_the_page() -> None:
    assert commands() == [command for command, *_ in SCRIPT]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_command_does_what_the_page_says(scratch: Scratch) -> None:
    for command, code, prepare, check in SCRIPT:
        prepare(scratch)
        check(scratch, scratch.run(command, code))
