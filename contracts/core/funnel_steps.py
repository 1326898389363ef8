"""Contract of `core.funnel_steps`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Day, Instant, Integer, Number, Text


class FunnelSteps(Contract, layer="core", table="funnel_steps", version="1.0.0", key="entry_step_key"):
    """One row per entry into a funnel and step of it, reached or not."""

    entry_step_key: Text = column("Entry and number of the step.")
    entry_key: Text = column(
        "Entry of core.funnel_entries.", nullable=True, references=to("core", "funnel_entries", "entry_key")
    )
    user_key: Text = column("User of the entry.", nullable=True, references=warn(to("core", "users", "user_key")))
    company_key: Text = column(
        "Company of the event that the funnel attributes the entry to.",
        nullable=True,
        references=warn(to("core", "companies", "company_key")),
    )
    entered_at: Instant = column("When the first step was reached (UTC).", nullable=True)
    reached_at: Instant = column("When this step was first reached (UTC); NULL if it was not.", nullable=True)
    cohort_on: Day = column("Day of the entry in the time zone of the funnel.", nullable=True)
    funnel_name: Text = column("Name of the funnel.", nullable=True)
    step_number: Integer = column("Number of the step, from 1.", nullable=True)
    step_name: Text = column("Name of the step.")
    platform: Text = column("Platform of the attributed event.", nullable=True)
    device_type: Text = column("Device of the attributed event.", nullable=True)
    browser: Text = column("Browser of the attributed event.", nullable=True)
    domain: Text = column("Site of the attributed event.", nullable=True)
    country: Text = column("Country of the attributed event.", nullable=True)
    region: Text = column("Region of the attributed event.", nullable=True)
    entry_count: Integer = column("1 in every row: entries, seen from this step.", ge=0)
    reached_count: Integer = column("1 if the step was reached, else 0.", ge=0)
    next_reached_count: Integer = column(
        "1 if the next step was reached too, else 0; NULL for the last step.", nullable=True, ge=0
    )
    seconds_from_entry: Number = column("Seconds from entry to this step.", nullable=True, unit="seconds")
    seconds_from_previous: Number = column(
        "Seconds from first reaching the step before; NULL without order.", nullable=True, unit="seconds"
    )
    is_reached: Boolean = column("Whether the step was reached.")
    is_window_complete: Boolean = column("Whether the source's data covers the whole conversion window of the entry.")
