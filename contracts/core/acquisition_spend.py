"""Contract of `core.acquisition_spend`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Day, Integer, Numeric, Text


class AcquisitionSpend(
    Contract,
    layer="core",
    table="acquisition_spend",
    version="1.0.0",
    key=("spent_on", "campaign_id", "country", "platform"),
):
    """One row per day, campaign, country and platform: what was spent on acquiring users."""

    campaign_id: Text = column("Campaign.")
    spent_on: Day = column("Day of the spend (UTC).")
    channel: Text = column("Acquisition channel.", nullable=True)
    country: Text = column("ISO code of the country.")
    platform: Text = column("Platform that was advertised on.")
    impression_count: Integer = column("Times the advertisement was shown.", ge=0)
    click_count: Integer = column("Times it was clicked.", ge=0)
    install_count: Integer = column("Installs that the network claims.", ge=0)
    spend_usd: Numeric = column("Money spent.", ge=0, unit="USD")
