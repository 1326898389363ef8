"""Contract of `marts.acquisition`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Day, Integer, Numeric, Text


class Acquisition(
    Contract,
    layer="marts",
    table="acquisition",
    version="1.1.0",
    key=("cohort_on", "channel", "campaign_id", "country", "platform", "days_since_signup"),
):
    """One row per cohort (day of sign-up, channel, campaign, country, platform) and day since sign-up: spend and
    sign-ups on day 0, revenue and cost on the day they arose."""

    cohort_on: Day = column("Day of sign-up, and of the spend (UTC).")
    channel: Text = column("Acquisition channel, or unknown.")
    campaign_id: Text = column("Campaign, or unknown.")
    country: Text = column("ISO code of the country at sign-up, or unknown.")
    platform: Text = column("Platform at sign-up, or unknown.")
    days_since_signup: Integer = column("Days from the sign-up to the earnings.")
    days_observed: Integer = column(
        "Days from the sign-up to the latest event of the source: cohorts of fewer days than another still earn.",
        nullable=True,
    )
    spend_usd: Numeric = column("Money spent on the cohort; on day 0 only.", ge=0, unit="USD")
    install_count: Integer = column("Installs that the network claims; on day 0 only.", ge=0)
    signup_count: Integer = column("Accounts created; on day 0 only.", ge=0)
    activated_count: Integer = column("Of these, accounts that ever completed a task; on day 0 only.", ge=0)
    revenue_usd: Numeric = column("What advertisers owe for that day.", nullable=True, ge=0, unit="USD")
    chargeback_usd: Numeric = column("Of that, what they took back.", nullable=True, ge=0, unit="USD")
    payout_usd: Numeric = column("What the coins of that day cost.", nullable=True, ge=0, unit="USD")
    margin_usd: Numeric = column("Revenue less chargebacks and payout, before spend.", nullable=True, unit="USD")
