"""Raw contracts of `rewards`: an offerwall's database, in which offers change while users are under way.

The layout keeps what every user saw: versions of offers and tasks are never edited, an assignment freezes the version
(and the personalised rewards) that a user was shown, and progress is a log of facts that only grows.
"""

from __future__ import annotations

from datetime import timedelta

from contracts.base import LoadedTable, column, to
from contracts.rules import Freshness, Rows, warn
from contracts.types import Boolean, Day, Instant, Integer, Numeric, Text

PLATFORMS = ("ios", "android", "web")
PROGRESS_KINDS = ("started", "task_completed", "offer_completed", "expired")
CASH_OUT_STATUSES = ("requested", "paid", "rejected")


class RewardsUsers(
    LoadedTable,
    layer="raw",
    table="rewards__users",
    version="1.0.0",
    key="user_id",
    freshness=Freshness("_loaded_at", timedelta(days=2)),
    rows=Rows(at_least=1),
):
    """One row per user of the offerwall, in its present state."""

    user_id: Text = column("Identifier of the user.")
    signed_up_at: Instant = column("When the account was created (UTC).")
    country: Text = column("ISO code of the country at sign-up.", nullable=True, max_length=2)
    platform: Text = column("Platform at sign-up.", isin=warn(PLATFORMS))
    channel: Text = column("Acquisition channel; NULL when it is not known.", nullable=True)
    campaign_id: Text = column("Campaign that is credited with the sign-up.", nullable=True)
    timezone: Text = column("IANA name of the user's time zone.", nullable=True)
    is_staff: Boolean = column("Whether the account belongs to an employee.")
    updated_at: Instant = column("When the row last changed (UTC).")


class RewardsDevices(
    LoadedTable,
    layer="raw",
    table="rewards__devices",
    version="1.0.0",
    key=("user_id", "device_id"),
):
    """One row per user and device that the user was seen on."""

    user_id: Text = column("User of the device.", references=warn(to("raw", "rewards__users", "user_id")))
    device_id: Text = column("Fingerprint of the device; accounts that share it sit on one device.")
    platform: Text = column("Platform of the device.", isin=warn(PLATFORMS))
    ip_address: Text = column("Address of the latest visit.", nullable=True, sensitivity="personal")
    first_seen_at: Instant = column("First visit of the user on the device (UTC).")
    updated_at: Instant = column("Latest visit of the user on the device (UTC).")


class RewardsOffers(
    LoadedTable,
    layer="raw",
    table="rewards__offers",
    version="1.0.0",
    key="offer_id",
    rows=Rows(at_least=1),
):
    """One row per offer: what never changes of it, and whether it still runs."""

    offer_id: Text = column("Identifier of the offer.")
    advertiser: Text = column("Who pays for the offer.")
    category: Text = column("Kind of offer: game, survey, shopping, finance.")
    platform: Text = column("Platform on which the offer can be done.", isin=warn(PLATFORMS))
    created_at: Instant = column("When the offer was created (UTC).")
    retired_at: Instant = column("When the offer was taken down (UTC); NULL while it runs.", nullable=True)
    updated_at: Instant = column("When the row last changed (UTC).")


class RewardsOfferVersions(
    LoadedTable,
    layer="raw",
    table="rewards__offer_versions",
    version="1.0.0",
    key="offer_version_id",
    unique=(("offer_id", "version"),),
    rows=Rows(at_least=1),
):
    """One row per version of an offer; a version is never edited and ends when the next one is published."""

    offer_version_id: Text = column("Identifier of the version.")
    offer_id: Text = column("Offer of the version.", references=warn(to("raw", "rewards__offers", "offer_id")))
    version: Integer = column("Number of the version within the offer, from 1.", ge=1)
    title: Text = column("Title that users see.")
    payout_usd: Numeric = column("What the advertiser pays once the offer is complete.", ge=0, unit="USD")
    reward_coins: Integer = column("Bonus for completing the offer, besides its tasks' coins.", ge=0, unit="coins")
    conversion_days: Integer = column("Days that a user has from start to completion.", ge=1, unit="days")
    published_at: Instant = column("When the version came into force (UTC).")
    published_by: Text = column("Employee who published it.", nullable=True)
    change_note: Text = column("Why it was published.", nullable=True)


class RewardsOfferTasks(
    LoadedTable,
    layer="raw",
    table="rewards__offer_tasks",
    version="1.0.0",
    key="offer_task_version_id",
    unique=(("offer_version_id", "task_id"),),
    rows=Rows(at_least=1),
):
    """One row per task of a version of an offer; never edited, as versions are not."""

    offer_task_version_id: Text = column("Identifier of the task in that version.")
    offer_version_id: Text = column(
        "Version of the offer.", references=warn(to("raw", "rewards__offer_versions", "offer_version_id"))
    )
    offer_id: Text = column("Offer of the task.", references=warn(to("raw", "rewards__offers", "offer_id")))
    task_id: Text = column("Identifier of the task, the same in all versions.")
    position: Integer = column("Place of the task in the offer, from 1.", ge=1)
    title: Text = column("Title that users see.")
    reward_coins: Integer = column("Coins for completing the task once.", ge=0, unit="coins")
    payout_usd: Numeric = column("What the advertiser pays for one completion.", ge=0, unit="USD")
    is_repeatable: Boolean = column("Whether the task may be completed more than once.")
    is_required: Boolean = column("Whether the offer is incomplete without it.")


class RewardsUserOffers(
    LoadedTable,
    layer="raw",
    table="rewards__user_offers",
    version="1.0.0",
    key="user_offer_id",
    freshness=Freshness("_loaded_at", timedelta(days=2)),
):
    """One row per assignment: an offer in the very version that a user was first shown; never edited."""

    user_offer_id: Text = column("Identifier of the assignment.")
    user_id: Text = column("User who was shown the offer.", references=warn(to("raw", "rewards__users", "user_id")))
    offer_id: Text = column("Offer that was shown.", references=warn(to("raw", "rewards__offers", "offer_id")))
    offer_version_id: Text = column(
        "Version that was shown.", references=warn(to("raw", "rewards__offer_versions", "offer_version_id"))
    )
    variant: Text = column("Personalisation: control, or the boost that the user was given.")
    coin_multiplier: Numeric = column("Factor on the version's coins for this user.", gt=0)
    shown_at: Instant = column("When the user first saw the offer (UTC).")


class RewardsUserOfferTasks(
    LoadedTable,
    layer="raw",
    table="rewards__user_offer_tasks",
    version="1.0.0",
    key=("user_offer_id", "task_id"),
):
    """One row per task of an assignment, with the coins that this user was promised; never edited."""

    user_offer_id: Text = column(
        "Assignment of the task.", references=warn(to("raw", "rewards__user_offers", "user_offer_id"))
    )
    task_id: Text = column("Task that was shown.")
    offer_task_version_id: Text = column(
        "Task in the version that was shown.",
        references=warn(to("raw", "rewards__offer_tasks", "offer_task_version_id")),
    )
    reward_coins: Integer = column("Coins that the user was promised for one completion.", ge=0, unit="coins")
    shown_at: Instant = column("When the user first saw the task (UTC).")


class RewardsProgress(
    LoadedTable,
    layer="raw",
    table="rewards__progress",
    version="1.0.0",
    key="progress_id",
    freshness=Freshness("_loaded_at", timedelta(days=2)),
):
    """One row per fact about a user's way through an offer; the log only grows."""

    progress_id: Text = column("Identifier of the fact.")
    user_offer_id: Text = column("Assignment; NULL when the advertiser named none that we know.", nullable=True)
    user_id: Text = column("User of the fact.", references=warn(to("raw", "rewards__users", "user_id")))
    offer_id: Text = column("Offer of the fact.", references=warn(to("raw", "rewards__offers", "offer_id")))
    task_id: Text = column("Task that was completed; NULL for facts about the offer.", nullable=True)
    kind: Text = column("What happened.", isin=PROGRESS_KINDS)
    occurred_at: Instant = column("When it happened (UTC).")
    recorded_at: Instant = column("When the database learned of it (UTC).")
    coins: Integer = column("Coins that were credited to the user.", ge=0, unit="coins")
    revenue_usd: Numeric = column("What the advertiser owes for it.", ge=0, unit="USD")
    device_id: Text = column("Fingerprint of the device.", nullable=True)
    ip_address: Text = column("Address of the device.", nullable=True, sensitivity="personal")


class RewardsCashOuts(
    LoadedTable,
    layer="raw",
    table="rewards__cash_outs",
    version="1.0.0",
    key="cash_out_id",
):
    """One row per request of a user to turn coins into money, in its present state."""

    cash_out_id: Text = column("Identifier of the request.")
    user_id: Text = column("User who asked.", references=warn(to("raw", "rewards__users", "user_id")))
    coins: Integer = column("Coins that are spent.", gt=0, unit="coins")
    amount_usd: Numeric = column("Money that is paid: 1,000 coins are 1 USD.", ge=0, unit="USD")
    method: Text = column("How it is paid: paypal, gift_card, bank.")
    status: Text = column("State of the request.", isin=CASH_OUT_STATUSES)
    requested_at: Instant = column("When the user asked (UTC).")
    paid_at: Instant = column("When it was paid (UTC).", nullable=True)
    updated_at: Instant = column("When the row last changed (UTC).")


class RewardsSpend(
    LoadedTable,
    layer="raw",
    table="rewards__spend",
    version="1.0.0",
    key=("spent_on", "campaign_id", "country", "platform"),
):
    """One row per day, campaign, country and platform: what was spent on acquiring users."""

    spent_on: Day = column("Day of the spend (UTC).")
    channel: Text = column("Acquisition channel of the campaign.")
    campaign_id: Text = column("Campaign.")
    country: Text = column("ISO code of the country.")
    platform: Text = column("Platform that was advertised on.", isin=warn(PLATFORMS))
    impressions: Integer = column("Times the advertisement was shown.", ge=0)
    clicks: Integer = column("Times it was clicked.", ge=0)
    installs: Integer = column("Installs that the network claims.", ge=0)
    spend_usd: Numeric = column("Money spent.", ge=0, unit="USD")
    updated_at: Instant = column("When the network last corrected the figures (UTC).")


class RewardsChargebacks(
    LoadedTable,
    layer="raw",
    table="rewards__chargebacks",
    version="1.0.0",
    key="chargeback_id",
):
    """One row per completion that an advertiser refused to pay in the end."""

    chargeback_id: Text = column("Identifier of the chargeback.")
    progress_id: Text = column(
        "Fact that is charged back.", references=warn(to("raw", "rewards__progress", "progress_id"))
    )
    user_id: Text = column("User of the fact.", references=warn(to("raw", "rewards__users", "user_id")))
    offer_id: Text = column("Offer of the fact.", references=warn(to("raw", "rewards__offers", "offer_id")))
    amount_usd: Numeric = column("Revenue that is taken back.", ge=0, unit="USD")
    reason: Text = column("Reason that the advertiser gave.", nullable=True)
    charged_back_at: Instant = column("When it was charged back (UTC).")
