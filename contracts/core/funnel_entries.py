"""Contract of `core.funnel_entries`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Day, Instant, Integer, Number, Text


class FunnelEntries(Contract, layer="core", table="funnel_entries", version="1.0.0", key="entry_key"):
    """One row per entry into a funnel: how far it went, and whether its window is over."""

    entry_key: Text = column("Funnel and event that opened the entry.")
    event_key: Text = column("Event that opened the entry.", nullable=True)
    entity_key: Text = column(
        "What is counted: a user, a user at a company, or a session of one of these.", nullable=True
    )
    user_key: Text = column("User of the entry.", nullable=True, references=warn(to("core", "users", "user_key")))
    company_key: Text = column(
        "Company of the event that the funnel attributes the entry to.",
        nullable=True,
        references=warn(to("core", "companies", "company_key")),
    )
    entered_at: Instant = column("When the first step was reached (UTC).")
    converted_at: Instant = column("When the last step was reached (UTC); NULL if it was not.", nullable=True)
    cohort_on: Day = column("Day of the entry in the time zone of the funnel.", nullable=True)
    funnel_name: Text = column("Name of the funnel.", nullable=True)
    reached_step_name: Text = column(
        "Furthest step reached; in a funnel without order the number of steps done.", nullable=True
    )
    platform: Text = column("Platform of the attributed event.", nullable=True)
    device_type: Text = column("Device of the attributed event.", nullable=True)
    browser: Text = column("Browser of the attributed event.", nullable=True)
    domain: Text = column("Site of the attributed event.", nullable=True)
    country: Text = column("Country of the attributed event.", nullable=True)
    region: Text = column("Region of the attributed event.", nullable=True)
    entry_count: Integer = column("1 in every row, to be summed.", ge=0)
    step_count: Integer = column("Steps of the funnel.", ge=0)
    reached_count: Integer = column("Steps that were reached.", ge=0)
    converted_count: Integer = column("1 if all steps were reached, else 0.", ge=0)
    seconds_to_convert: Number = column("Seconds from entry to conversion.", nullable=True, unit="seconds")
    is_converted: Boolean = column("Whether all steps were reached within the window.")
    is_window_complete: Boolean = column("Whether the source's data covers the whole conversion window of the entry.")
