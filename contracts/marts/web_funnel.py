"""Contract of `marts.web_funnel`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.types import Boolean, Day, Integer, Number, Text


class WebFunnel(Contract, layer="marts", table="web_funnel", version="1.0.0", key="visit_step_key"):
    """One row per visit of the site and step of its funnel: whether the page was seen at all, and whether the steps
    before it were."""

    visit_step_key: Text = column("Visit and step.")
    user_key: Text = column("User of the visit.", references=to("core", "users", "user_key"))
    entry_key: Text = column("Entry of core.funnel_entries; NULL when the first page was never seen.", nullable=True)
    visited_on: Day = column("Day of the visit.")
    visited_month_on: Day = column("First day of the month of the visit.", nullable=True)
    channel: Text = column("Channel that brought the user.", nullable=True)
    device_type: Text = column("desktop, mobile.", nullable=True)
    sex: Text = column("female, male.", nullable=True, sensitivity="personal")
    step_number: Integer = column("Number of the step, from 1.")
    step_name: Text = column("Page of the step.", nullable=True)
    visited_count: Integer = column(
        "1 if the page was seen in whatever order, else 0: the independent count of the step.", ge=0
    )
    reached_count: Integer = column(
        "1 if the page and all pages before it were seen, else 0: the nested count of the step.", ge=0
    )
    next_reached_count: Integer = column("1 if the next page was reached too, else 0.", nullable=True, ge=0)
    view_count: Number = column("Estimated number of views of the page.", ge=0)
    is_visited: Boolean = column("Whether the page was seen in whatever order.")
    is_reached: Boolean = column("Whether the page and all pages before it were seen.")
