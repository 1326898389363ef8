"""Contract of `marts.acquisition_payback`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Boolean, Day, Integer, Numeric, Text


class AcquisitionPayback(
    Contract, layer="marts", table="acquisition_payback", version="1.0.0", key=("cohort_month_on", "channel")
):
    """One row per month of sign-up and channel: when the margin of the cohort had paid back what it cost to win
    it."""

    cohort_month_on: Day = column("First day of the month of sign-up.")
    channel: Text = column("Acquisition channel, or unknown.")
    spend_usd: Numeric = column("Money spent on the cohort.", ge=0, unit="USD")
    signup_count: Integer = column("Accounts created.", ge=0)
    activated_count: Integer = column("Of these, accounts that ever completed a task.", ge=0)
    margin_usd: Numeric = column("Margin of the cohort until now.", nullable=True, unit="USD")
    payback_days: Integer = column(
        "First day since sign-up on which the margin covered the spend; NULL while it does not.", nullable=True
    )
    is_paid_back: Boolean = column("Whether the margin ever covered the spend.")
