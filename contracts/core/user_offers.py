"""Contract of `core.user_offers`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Integer, Number, Numeric, Text


class UserOffers(Contract, layer="core", table="user_offers", version="1.0.0", key="user_offer_key"):
    """One row per user and offer: the version that the user was shown, how far the user went, and what it earned
    and cost."""

    user_offer_key: Text = column("Assignment, or user and offer where there is none.")
    user_key: Text = column("User of the offer.", references=warn(to("core", "users", "user_key")))
    offer_id: Text = column("Id of the offer.")
    offer_version_id: Text = column(
        "Version that the user was shown; NULL without an assignment.",
        nullable=True,
        references=warn(to("core", "offers", "offer_version_id")),
    )
    shown_at: Instant = column("When the user first saw the offer (UTC).", nullable=True)
    started_at: Instant = column("When the user started (UTC).", nullable=True)
    first_task_at: Instant = column("First completion of a task (UTC).", nullable=True)
    completed_at: Instant = column("When the offer was completed (UTC).", nullable=True)
    last_progress_at: Instant = column("Latest fact (UTC).", nullable=True)
    variant: Text = column("Personalisation that the user was given.", nullable=True)
    coin_multiplier: Numeric = column("Factor on the version's coins for this user.", nullable=True)
    tasks_shown_count: Integer = column("Tasks that the user was shown.", ge=0)
    tasks_done_count: Integer = column("Different tasks that were completed.", ge=0)
    completion_count: Integer = column("Completions of tasks, repeats included.", ge=0)
    coin_count: Integer = column("Coins that were credited; 1,000 are 1 USD.", ge=0)
    payout_usd: Numeric = column("What the credited coins cost.", nullable=True, ge=0, unit="USD")
    revenue_usd: Numeric = column("What the advertiser owes.", nullable=True, ge=0, unit="USD")
    chargeback_usd: Numeric = column("Revenue that the advertiser took back.", nullable=True, ge=0, unit="USD")
    margin_usd: Numeric = column("Revenue less chargebacks and payout.", nullable=True, unit="USD")
    chargeback_count: Integer = column("Facts that were charged back.", ge=0)
    seconds_to_complete: Number = column(
        "Seconds from start to completion; NULL if it was completed before the start.", nullable=True, unit="seconds"
    )
    is_started: Boolean = column("Whether a start was recorded.")
    is_completed: Boolean = column("Whether the offer was completed.")
    is_unassigned: Boolean = column("Whether no assignment is known, so that no version is.")
    is_without_start: Boolean = column("Whether tasks or the offer were completed though no start was recorded.")
