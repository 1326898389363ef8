"""When a run has read arrivals already, so that nothing has to be restated."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from headrace.models import Built, Span, was_read

LOOKBACK = timedelta(days=3)


def built(day: int, *, is_incremental: bool = True) -> Built:
    return Built(datetime(2025, 6, day, tzinfo=UTC), is_incremental)


@pytest.mark.parametrize(
    ("first_day", "events_after", "users_after", "is_read"),
    [
        pytest.param(10, 11, 21, True, id="a new day"),
        pytest.param(7, 11, 21, True, id="late rows of the first day of the lookback"),
        pytest.param(6, 11, 21, False, id="late rows of the day before it"),
        pytest.param(10, 10, 21, False, id="no new day of events was computed"),
        pytest.param(10, 11, 20, False, id="users were not computed again"),
    ],
)
def test_arrivals_are_read_by_a_run_that_went_on_and_looked_back_so_far(
    first_day: int, events_after: int, users_after: int, is_read: bool
) -> None:
    before = {"events": built(10), "users": built(20, is_incremental=False)}
    after = {"events": built(events_after), "users": built(users_after, is_incremental=False)}
    assert was_read(Span(date(2025, 6, first_day), date(2025, 6, 10)), before, after, LOOKBACK) is is_read
