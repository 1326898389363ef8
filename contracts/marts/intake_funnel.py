"""Contract of `marts.intake_funnel`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Day, Instant, Integer, Number, Text


class IntakeFunnel(Contract, layer="marts", table="intake_funnel", version="1.0.0", key="entry_step_key"):
    """One row per entry into a funnel of the intake and step: reached or not, by client, device, country and
    month."""

    entry_step_key: Text = column("Entry and step.")
    entry_key: Text = column("Entry of core.funnel_entries.", nullable=True)
    user_key: Text = column("Account.", references=warn(to("core", "users", "user_key")))
    company_key: Text = column(
        "Client of the account.", nullable=True, references=warn(to("core", "companies", "company_key"))
    )
    entered_at: Instant = column("When the account entered the funnel (UTC).", nullable=True)
    reached_at: Instant = column("When it first reached the step (UTC).", nullable=True)
    cohort_month_on: Day = column("First day of the month of the entry.", nullable=True)
    funnel_name: Text = column("intake (six steps) or intake_ten_steps.")
    step_number: Integer = column("Number of the step, from 1.")
    step_name: Text = column("Name of the step.", nullable=True)
    client_name: Text = column("Name of the client.", nullable=True)
    client_industry: Text = column("Industry of the client.", nullable=True)
    eligibility_method: Text = column("How the client verifies eligibility.", nullable=True)
    device_type: Text = column("Device of the entry.", nullable=True)
    browser: Text = column("Browser of the entry.", nullable=True)
    country: Text = column("Country of the account.", nullable=True)
    entry_count: Integer = column("1 in every row: entries, seen from this step.", ge=0)
    reached_count: Integer = column("1 if the step was reached, else 0.", ge=0)
    next_reached_count: Integer = column(
        "1 if the next step was reached too, else 0; NULL for the last step.", nullable=True, ge=0
    )
    seconds_from_previous: Number = column(
        "Seconds from first reaching the step before: the time that this step took.", nullable=True, unit="seconds"
    )
    is_reached: Boolean = column("Whether the step was reached.")
    is_window_complete: Boolean = column("Whether the data covers the whole conversion window.")
