"""Contract of `marts.fraud_review`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.types import Boolean, Instant, Integer, Numeric, Text


class FraudReview(Contract, layer="marts", table="fraud_review", version="1.0.0", key="user_key"):
    """One row per user of the offerwall: score and reasons of the fraud review."""

    user_key: Text = column("User.", references=to("core", "users", "user_key"))
    signed_up_at: Instant = column("When the account was created (UTC).", nullable=True)
    channel: Text = column("Channel that brought the user.", nullable=True)
    country: Text = column("ISO code of the user's country.", nullable=True)
    review_reasons: Text = column(
        "Reasons of the rules that hold, with their weights; NULL when none does.", nullable=True
    )
    accounts_on_device_count: Integer = column(
        "Most accounts seen on one of the user's devices, this one included.", ge=0
    )
    accounts_on_ip_count: Integer = column(
        "Most accounts seen on one of the user's addresses, this one included.", ge=0
    )
    fast_completion_count: Integer = column("Tasks completed in less than 15 seconds.", ge=0)
    completion_count: Integer = column("Completions of tasks.", ge=0)
    chargeback_count: Integer = column("Facts that advertisers refused to pay.", ge=0)
    unstarted_completion_count: Integer = column("Completions in offers without a recorded start.", ge=0)
    coin_count: Integer = column("Coins that were credited.", ge=0)
    revenue_usd: Numeric = column("What advertisers owe.", nullable=True, ge=0, unit="USD")
    chargeback_usd: Numeric = column("Of that, what they took back.", nullable=True, ge=0, unit="USD")
    score: Integer = column("Sum of the weights of the rules that hold, at most 100.")
    is_for_review: Boolean = column("Whether the score is high enough for a person to look at the user.")
