"""Contract of `core.offer_tasks`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.types import Boolean, Instant, Integer, Numeric, Text


class OfferTasks(Contract, layer="core", table="offer_tasks", version="1.0.0", key="offer_task_version_id"):
    """One row per task of a version of an offer (SCD type 2): what it promised, and from when to when."""

    offer_task_version_id: Text = column("Id of the task in that version.")
    offer_version_id: Text = column("Version of the offer.", references=to("core", "offers", "offer_version_id"))
    offer_id: Text = column("Id of the offer.", nullable=True)
    task_id: Text = column("Id of the task, the same in all versions.")
    valid_from: Instant = column("When the version came into force (UTC).")
    valid_to: Instant = column("When it ended (UTC); NULL while it is in force.", nullable=True)
    position: Integer = column("Place of the task in the offer, from 1.", nullable=True)
    title: Text = column("Title that users see.", nullable=True)
    reward_coins: Integer = column("Coins for completing the task once.", nullable=True)
    payout_usd: Numeric = column("What the advertiser pays for one completion.", nullable=True, ge=0, unit="USD")
    is_repeatable: Boolean = column("Whether the task may be completed more than once.")
    is_required: Boolean = column("Whether the offer is incomplete without it.")
    is_current: Boolean = column("Whether the version is in force.")
