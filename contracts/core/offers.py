"""Contract of `core.offers`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Boolean, Instant, Integer, Numeric, Text


class Offers(Contract, layer="core", table="offers", version="1.0.0", key="offer_version_id"):
    """One row per version of an offer (SCD type 2): what it promised, and from when to when."""

    offer_version_id: Text = column("Id of the version.")
    offer_id: Text = column("Id of the offer, the same in all versions.")
    valid_from: Instant = column("When the version came into force (UTC).")
    valid_to: Instant = column("When it ended (UTC); NULL while it is in force.", nullable=True)
    advertiser: Text = column("Who pays for the offer.", nullable=True)
    category: Text = column("game, survey, shopping, finance.", nullable=True)
    platform: Text = column("Platform on which the offer can be done.", nullable=True)
    title: Text = column("Title that users see.", nullable=True)
    version_number: Integer = column("Number of the version within the offer, from 1.", nullable=True)
    change_note: Text = column("Why the version was published.", nullable=True)
    payout_usd: Numeric = column(
        "What the advertiser pays once the offer is complete.", nullable=True, ge=0, unit="USD"
    )
    reward_coins: Integer = column("Bonus in coins for completing the offer.", nullable=True)
    conversion_days: Integer = column("Days that a user has from start to completion.", nullable=True)
    task_count: Integer = column("Tasks of the version.", ge=0)
    tasks_payout_usd: Numeric = column(
        "What the advertiser pays for all tasks, each done once.", nullable=True, ge=0, unit="USD"
    )
    tasks_reward_coins: Integer = column("Coins for all tasks, each done once.", nullable=True)
    is_current: Boolean = column("Whether the version is in force.")
