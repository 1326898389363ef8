"""Events of days that the models do not have are told of."""

from __future__ import annotations

from datetime import date

from headrace.left_out import Reach, sentences

BEGIN, TODAY = date(2015, 1, 1), date(2025, 7, 1)
TABLES = ("consent__events", "web_funnel__pages")


def told(*reaches: Reach) -> list[str]:
    return sentences(reaches, TABLES, BEGIN, TODAY)


def test_days_of_the_models_are_not_told_of() -> None:
    assert told(Reach("consent__events", "consent", BEGIN, TODAY)) == []


def test_days_before_and_days_to_come_are_told_of() -> None:
    before, after = told(Reach("consent__events", "consent", date(2014, 12, 31), date(2025, 7, 2)))
    assert before.startswith("raw.consent__events has rows from 2014-12-31 on, and the models begin on 2015-01-01:")
    assert after.startswith("raw.consent__events has rows of days to come, up to 2025-07-02:")


def test_a_table_without_time_has_the_days_of_its_source() -> None:
    users = Reach("web_funnel__users", "web_funnel", date(2013, 5, 1), date(2015, 4, 30))
    assert [one.split(" on,")[0] for one in told(users)] == ["raw.web_funnel__users has rows from 2013-05-01"]


def test_rows_that_are_no_events_have_no_days() -> None:
    assert (
        told(
            Reach("consent__companies", "consent", date(1990, 1, 1), TODAY),
            Reach("consent__events", "consent", BEGIN, TODAY),
        )
        == []
    )
