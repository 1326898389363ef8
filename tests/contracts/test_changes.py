"""Every kind of change between two revisions: whether it breaks, which version it asks for, what admits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts import Contract, Deprecation, Freshness, Integer, Number, Rows, Text, column, rule, to, warn
from contracts.base import Column, Statement
from contracts.changes import Bump, Change, compare, faults, required_version, revision

TODAY = date(2025, 6, 2)
GONE = Deprecation(date(2025, 6, 1), "price")


def statement(layer: str = "core", *, without: tuple[str, ...] = (), **changes: Any) -> Statement:
    """A contract about sales in which `changes` replace columns (by name) or options of the class."""
    columns: dict[str, Any] = {
        "sale_id": (Text, column("Sale.")),
        "shop_id": (Text, column("Shop.", references=warn(to("core", "shops", "shop_id")))),
        "price": (Number, column("Price.", ge=0, le=100, unit="usd")),
        "kind": (Text, column("Kind.", nullable=True, isin=("a", "b"), max_length=3)),
        "code": (Text, column("Code.", pattern="[a-z]+")),
    }
    options: dict[str, Any] = {"layer": layer, "table": "sales", "version": "1.2.3", "key": "sale_id"}
    rules: dict[str, Any] = {"cheap": rule("prices are low", lambda row: row.price < 50)}
    for name, change in changes.items():
        is_column = isinstance(change, tuple) and isinstance(change[0], type)
        is_rule = isinstance(change, rule) or name == "cheap"
        (rules if is_rule else columns if is_column else options)[name] = change
    kept = {name: one for name, one in columns.items() if name not in without}
    body = {"__doc__": "One row per sale.", "__annotations__": {name: type_ for name, (type_, _) in kept.items()}}
    body |= {name: declared for name, (_, declared) in kept.items()}
    body |= {name: one for name, one in rules.items() if one is not None and name not in without}
    made: type[Contract] = type(Contract)("Sales", (Contract,), body, **options)
    return made.statement()


def changed(before: Statement, after: Statement) -> tuple[Change, ...]:
    return compare(revision([before]), revision([after]))


Make = Callable[[], Statement]
# ruff: noqa: E501 - one change a line
CHANGES: list[tuple[str, Make, str, tuple[str, ...], Bump]] = [
    ("dropped", lambda: statement(without=("code",)), "removed", ("code",), Bump.MAJOR),
    ("renamed", lambda: statement(without=("code",), label=(Text, column("Code.", pattern="[a-z]+"))), "renamed", ("code",), Bump.MAJOR),
    ("retyped", lambda: statement(code=(Integer, column("Code.")), without=()), "retyped", ("code",), Bump.MAJOR),
    ("unit", lambda: statement(price=(Number, column("Price.", ge=0, le=100, unit="eur"))), "unit", ("price",), Bump.MAJOR),
    ("unit unsaid", lambda: statement(price=(Number, column("Price.", ge=0, le=100))), "unit", ("price",), Bump.MAJOR),
    ("key", lambda: statement(key=("sale_id", "code")), "key", ("sale_id",), Bump.MAJOR),
    ("higher minimum", lambda: statement(price=(Number, column("Price.", ge=1, le=100, unit="usd"))), "narrowed", ("price",), Bump.MAJOR),
    ("lower maximum", lambda: statement(price=(Number, column("Price.", ge=0, le=99, unit="usd"))), "narrowed", ("price",), Bump.MAJOR),
    ("higher maximum", lambda: statement(price=(Number, column("Price.", ge=0, le=101, unit="usd"))), "widened", ("price",), Bump.MINOR),
    ("no maximum", lambda: statement(price=(Number, column("Price.", ge=0, unit="usd"))), "widened", ("price",), Bump.MINOR),
    ("now a warning", lambda: statement(price=(Number, column("Price.", ge=0, le=warn(100), unit="usd"))), "widened", ("price",), Bump.MINOR),
    ("fewer values", lambda: statement(kind=(Text, column("Kind.", nullable=True, isin=("a",), max_length=3))), "narrowed", ("kind",), Bump.MAJOR),
    ("more values", lambda: statement(kind=(Text, column("Kind.", nullable=True, isin=("c", "b", "a"), max_length=3))), "widened", ("kind",), Bump.MINOR),
    ("shorter", lambda: statement(kind=(Text, column("Kind.", nullable=True, isin=("a", "b"), max_length=2))), "narrowed", ("kind",), Bump.MAJOR),
    ("other pattern", lambda: statement(code=(Text, column("Code.", pattern="[a-y]+"))), "narrowed", ("code",), Bump.MAJOR),
    ("new pattern", lambda: statement(shop_id=(Text, column("Shop.", references=warn(to("core", "shops", "shop_id")), pattern="s.*"))), "narrowed", ("shop_id",), Bump.MAJOR),
    ("new warning", lambda: statement(shop_id=(Text, column("Shop.", references=warn(to("core", "shops", "shop_id")), pattern=warn("s.*")))), "narrowed", ("shop_id",), Bump.MINOR),
    ("orphans are errors", lambda: statement(shop_id=(Text, column("Shop.", references=to("core", "shops", "shop_id")))), "narrowed", ("shop_id",), Bump.MAJOR),
    ("other target", lambda: statement(shop_id=(Text, column("Shop.", references=warn(to("core", "malls", "shop_id"))))), "narrowed", ("shop_id",), Bump.MINOR),
    ("may be NULL", lambda: statement(code=(Text, column("Code.", nullable=True, pattern="[a-z]+"))), "nullable", ("code",), Bump.MAJOR),
    ("never NULL", lambda: statement(kind=(Text, column("Kind.", isin=("a", "b"), max_length=3))), "required", ("kind",), Bump.MINOR),
    ("rule rewritten", lambda: statement(cheap=rule("prices are low", lambda row: row.price < 40)), "narrowed", ("price",), Bump.MAJOR),
    ("rule dropped", lambda: statement(cheap=None), "widened", ("price",), Bump.MINOR),
    ("rule added", lambda: statement(dear=rule("no gifts", lambda row: row.price > 0)), "narrowed", ("price",), Bump.MAJOR),
    ("second key", lambda: statement(unique=(("code",),)), "narrowed", ("code",), Bump.MAJOR),
    ("new column", lambda: statement(note=(Text, column("Note."))), "added", ("note",), Bump.MINOR),
    ("described", lambda: statement(code=(Text, column("The code.", pattern="[a-z]+"))), "described", ("code",), Bump.PATCH),
    ("personal", lambda: statement(code=(Text, column("Code.", pattern="[a-z]+", sensitivity="personal"))), "sensitivity", ("code",), Bump.MINOR),
    ("deprecated", lambda: statement(code=(Text, column("Code.", pattern="[a-z]+", deprecated=GONE))), "deprecated", ("code",), Bump.MINOR),
    ("owner", lambda: statement(owner="growth"), "owner", (), Bump.PATCH),
    ("fresher", lambda: statement(rows=Rows(at_least=1)), "expected", (), Bump.MINOR),
    ("going", lambda: statement(deprecated=GONE), "deprecated", (), Bump.MINOR),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "kind", "columns", "bump"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_change_is_classified(name: str, make: Make, kind: str, columns: tuple[str, ...], bump: Bump) -> None:
    found = [change for change in changed(statement(), make()) if (change.kind, change.columns) == (kind, columns)]
    assert [change.bump for change in found] == [bump], changed(statement(), make())
    assert max(change.bump for change in changed(statement(), make())) == bump
    assert found[0].message.startswith(f"core.sales{'.' * bool(columns)}{''.join(columns[:1])} {kind}: ")


def test_the_same_contract_has_no_changes() -> None:
    assert changed(statement(), statement()) == ()
    fresh = Freshness("sale_id", timedelta(days=1))
    assert changed(statement(freshness=fresh), statement(freshness=fresh)) == ()


def test_raw_tables_are_judged_from_the_side_of_those_who_fill_them() -> None:
    never_null: Column = column("Kind.", isin=("a", "b"), max_length=3)
    (change,) = changed(statement("raw"), statement("raw", kind=(Text, never_null)))
    assert (change.kind, change.bump) == ("required", Bump.MAJOR)
    (change,) = changed(statement("raw"), statement("raw", note=(Text, column("Note."))))
    assert (change.kind, change.bump) == ("required", Bump.MAJOR)
    (change,) = changed(statement("raw"), statement("raw", note=(Text, column("Note.", optional=True))))
    assert (change.kind, change.bump) == ("added", Bump.MINOR)
    (change,) = changed(
        statement("raw"), statement("raw", code=(Text, column("Code.", pattern="[a-z]+", optional=True)))
    )
    assert (change.kind, change.bump) == ("optional", Bump.MINOR)


@pytest.mark.parametrize(
    ("version", "bump", "least"),
    [
        ("1.2.3", Bump.MAJOR, "2.0.0"),
        ("1.2.3", Bump.MINOR, "1.3.0"),
        ("1.2.3", Bump.PATCH, "1.2.4"),
        ("1.2.3", Bump.NONE, "1.2.3"),
    ],
)
def test_versions_rise_by_the_weight_of_a_change(version: str, bump: Bump, least: str) -> None:
    assert required_version(version, bump) == least


def admitted(before: Statement, after: Statement | None) -> list[str]:
    old, new = revision([before]), revision([after] if after else [])
    return [fault.text for fault in faults(old, new, compare(old, new), TODAY)]


def test_a_break_without_version_and_notice_is_refused_twice() -> None:
    version, notice = admitted(statement(), statement(without=("code",)))
    assert version.endswith("a major change since 1.2.3: version 1.2.3 must be at least 2.0.0")
    assert 'retired={"code": Deprecation(removed_on, use)}' in notice


def test_a_break_with_version_and_notice_is_admitted() -> None:
    assert admitted(statement(), statement(without=("code",), version="2.0.0", retired={"code": GONE})) == []
    deprecated = statement(code=(Text, column("Code.", pattern="[a-z]+", deprecated=GONE)))
    assert admitted(deprecated, statement(without=("code",), version="2.0.0")) == []


def test_what_was_promised_until_a_date_stays_until_then() -> None:
    later = Deprecation(TODAY + timedelta(days=1), "price")
    deprecated = statement(code=(Text, column("Code.", pattern="[a-z]+", deprecated=later)))
    (text,) = admitted(deprecated, statement(without=("code",), version="2.0.0"))
    assert text.endswith("it was promised until 2025-06-03: keep it till then")


def test_smaller_changes_need_smaller_versions() -> None:
    note = (Text, column("Note."))
    assert admitted(statement(), statement(note=note, version="1.3.0")) == []
    (text,) = admitted(statement(), statement(note=note, version="1.2.4"))
    assert "version 1.2.4 must be at least 1.3.0" in text
    (text,) = admitted(statement(), statement(owner="growth"))
    assert "a patch change since 1.2.3: version 1.2.3 must be at least 1.2.4" in text


def test_a_table_goes_only_after_its_deprecation() -> None:
    (text,) = admitted(statement(), None)
    assert text.startswith("core.sales removed: the table has no contract any more; announce it: `deprecated=")
    assert admitted(statement(deprecated=GONE), None) == []
    assert admitted(statement(deprecated=replace(GONE, removed_on=TODAY + timedelta(days=9))), None) != []


def test_a_new_table_is_welcome() -> None:
    (change,) = compare(revision([]), revision([statement()]))
    assert (change.kind, change.is_breaking) == ("added", False)
    assert faults(revision([]), revision([statement()]), [change], TODAY) == ()
