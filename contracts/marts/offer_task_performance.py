"""Contract of `marts.offer_task_performance`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Integer, Number, Text


class OfferTaskPerformance(
    Contract, layer="marts", table="offer_task_performance", version="1.0.0", key=("user_offer_key", "task_id")
):
    """One row per started offer of a user and task of the version that was shown: done or not, so that drop-off by
    task is a sum."""

    user_offer_key: Text = column("Row of core.user_offers.")
    user_key: Text = column("User of the offer.", nullable=True, references=warn(to("core", "users", "user_key")))
    offer_id: Text = column("Id of the offer.", nullable=True)
    offer_version_id: Text = column("Version that the user was shown.", nullable=True)
    offer_task_version_id: Text = column("Task in that version.", nullable=True)
    task_id: Text = column("Id of the task, the same in all versions.")
    started_at: Instant = column("When the user started the offer (UTC).", nullable=True)
    position: Integer = column("Place of the task in the offer.")
    task_title: Text = column("Title of the task in that version.", nullable=True)
    country: Text = column("ISO code of the user's country.", nullable=True)
    platform: Text = column("Platform of the user.", nullable=True)
    started_count: Integer = column("1 in every row: users who started, seen from this task.", ge=0)
    done_count: Integer = column("1 if the task was completed, else 0.", ge=0)
    completion_count: Integer = column("Completions, repeats included.", ge=0)
    coin_count: Integer = column("Coins that were credited.", ge=0)
    seconds_from_start: Number = column(
        "Seconds from the start of the offer to the first completion after it.", nullable=True, unit="seconds"
    )
    is_required: Boolean = column("Whether the offer is incomplete without it.")
    is_done: Boolean = column("Whether the task was completed.")
