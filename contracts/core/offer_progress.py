"""Contract of `core.offer_progress`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Integer, Numeric, Text


class OfferProgress(Contract, layer="core", table="offer_progress", version="1.0.0", key="progress_id"):
    """One row per fact about the way of a user through an offer, with the money that it moved."""

    progress_id: Text = column("Id of the fact.")
    user_offer_key: Text = column("Row of core.user_offers.", references=to("core", "user_offers", "user_offer_key"))
    user_key: Text = column("User of the fact.", references=warn(to("core", "users", "user_key")))
    offer_id: Text = column("Id of the offer.", nullable=True)
    task_id: Text = column("Id of the task; NULL for facts about the offer.", nullable=True)
    device_id: Text = column("Fingerprint of the device.", nullable=True)
    occurred_at: Instant = column("When it happened (UTC).")
    recorded_at: Instant = column("When the source learned of it (UTC).", nullable=True)
    charged_back_at: Instant = column("When the advertiser refused to pay (UTC).", nullable=True)
    kind: Text = column("started, task_completed, offer_completed, expired.", nullable=True)
    ip_address: Text = column("Address of the device.", nullable=True, sensitivity="personal")
    coin_count: Integer = column("Coins that were credited; 1,000 are 1 USD.", ge=0)
    payout_usd: Numeric = column("What the credited coins cost.", nullable=True, ge=0, unit="USD")
    revenue_usd: Numeric = column("What the advertiser owes.", nullable=True, ge=0, unit="USD")
    chargeback_usd: Numeric = column("Revenue that the advertiser took back.", nullable=True, ge=0, unit="USD")
    is_charged_back: Boolean = column("Whether the advertiser refused to pay.")
