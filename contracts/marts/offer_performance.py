"""Contract of `marts.offer_performance`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Integer, Number, Numeric, Text


class OfferPerformance(Contract, layer="marts", table="offer_performance", version="1.0.0", key="user_offer_key"):
    """One row per user and offer, with the offer in the version that the user was shown: sums and shares by offer,
    version, platform, country."""

    user_offer_key: Text = column("Row of core.user_offers.", references=to("core", "user_offers", "user_offer_key"))
    user_key: Text = column("User of the offer.", references=warn(to("core", "users", "user_key")))
    offer_id: Text = column("Id of the offer.")
    offer_version_id: Text = column("Version that the user was shown.", nullable=True)
    shown_at: Instant = column("When the user first saw the offer (UTC).", nullable=True)
    started_at: Instant = column("When the user started (UTC).", nullable=True)
    completed_at: Instant = column("When the offer was completed (UTC).", nullable=True)
    offer_title: Text = column("Title in the version that was shown.", nullable=True)
    version_number: Integer = column("Number of the version that was shown.", nullable=True)
    advertiser: Text = column("Who pays for the offer.", nullable=True)
    category: Text = column("game, survey, shopping, finance.", nullable=True)
    offer_platform: Text = column("Platform on which the offer can be done.", nullable=True)
    variant: Text = column("Personalisation that the user was given.", nullable=True)
    country: Text = column("ISO code of the user's country.", nullable=True)
    platform: Text = column("Platform of the user.", nullable=True)
    channel: Text = column("Channel that brought the user.", nullable=True)
    shown_count: Integer = column("1 if the offer is known to have been shown, else 0.", ge=0)
    started_count: Integer = column("1 if the offer was started, else 0.", ge=0)
    completed_count: Integer = column("1 if the offer was completed, else 0.", ge=0)
    tasks_shown_count: Integer = column("Tasks that the user was shown.", ge=0)
    tasks_done_count: Integer = column("Different tasks that were completed.", ge=0)
    coin_count: Integer = column("Coins that were credited; 1,000 are 1 USD.", ge=0)
    payout_usd: Numeric = column("What the coins cost.", nullable=True, ge=0, unit="USD")
    revenue_usd: Numeric = column("What the advertiser owes.", nullable=True, ge=0, unit="USD")
    chargeback_usd: Numeric = column("Of that, what was taken back.", nullable=True, ge=0, unit="USD")
    margin_usd: Numeric = column("Revenue less chargebacks and payout.", nullable=True, unit="USD")
    seconds_to_complete: Number = column("Seconds from start to completion.", nullable=True, unit="seconds")
    is_completed: Boolean = column("Whether the offer was completed.")
    is_staff: Boolean = column("Whether the user is an employee.")
