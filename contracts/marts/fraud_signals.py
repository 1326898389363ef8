"""Contract of `marts.fraud_signals`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Instant, Integer, Numeric, Text


class FraudSignals(Contract, layer="marts", table="fraud_signals", version="1.0.0", key="user_key"):
    """One row per user of the offerwall: the signals that the rules of the fraud review judge."""

    user_key: Text = column("User.")
    signed_up_at: Instant = column("When the account was created (UTC).", nullable=True)
    channel: Text = column("Channel that brought the user.", nullable=True)
    country: Text = column("ISO code of the user's country.", nullable=True)
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
