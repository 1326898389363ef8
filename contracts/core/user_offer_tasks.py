"""Contract of `core.user_offer_tasks`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Integer, Number, Numeric, Text


class UserOfferTasks(Contract, layer="core", table="user_offer_tasks", version="1.0.0", key="progress_id"):
    """One row per completed task, tied to the version of the task that the user was shown."""

    progress_id: Text = column("Id of the completion.")
    user_offer_key: Text = column("Row of core.user_offers.", references=to("core", "user_offers", "user_offer_key"))
    user_key: Text = column("User of the completion.", references=warn(to("core", "users", "user_key")))
    offer_id: Text = column("Id of the offer.", nullable=True)
    task_id: Text = column("Id of the task, the same in all versions.", nullable=True)
    offer_task_version_id: Text = column(
        "Version of the task that the user was shown, else the one in force at the start.", nullable=True
    )
    occurred_at: Instant = column("When it was completed (UTC).")
    recorded_at: Instant = column("When the source learned of it (UTC).", nullable=True)
    device_id: Text = column("Fingerprint of the device.", nullable=True)
    ip_address: Text = column("Address of the device.", nullable=True, sensitivity="personal")
    position: Integer = column("Place of the task in that version.", nullable=True)
    title: Text = column("Title in that version.", nullable=True)
    repetition: Integer = column("1 for the first completion of the task by this user in this offer.", nullable=True)
    coin_count: Integer = column("Coins that were credited.", ge=0)
    promised_coin_count: Integer = column("Coins that this user was promised.", nullable=True, ge=0)
    revenue_usd: Numeric = column("What the advertiser owes for it.", nullable=True, ge=0, unit="USD")
    seconds_from_start: Number = column("Seconds since the user started the offer.", nullable=True, unit="seconds")
    is_repeat: Boolean = column("Whether the task had been completed before.")
    is_without_start: Boolean = column("Whether no start of the offer was recorded.")
    is_before_start: Boolean = column("Whether it lies before the start.")
