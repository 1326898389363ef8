"""Contract of `core.users`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Integer, Text


class Users(Contract, layer="core", table="users", version="1.0.0", key="user_key"):
    """One row per user of a source: the profile where there is one, else what the first event tells."""

    user_key: Text = column("Source and id of the user.")
    user_id: Text = column("Id of the user within the source.")
    company_key: Text = column(
        "Company or client of the user.", nullable=True, references=warn(to("core", "companies", "company_key"))
    )
    campaign_id: Text = column("Campaign that is credited with the sign-up.", nullable=True)
    signed_up_at: Instant = column("When the account was created, or the visit began (UTC).", nullable=True)
    first_seen_at: Instant = column("First event of the user (UTC).", nullable=True)
    last_seen_at: Instant = column("Latest event of the user (UTC).", nullable=True)
    record_source: Text = column("Source that knows the user.")
    channel: Text = column("Channel that brought the user.", nullable=True)
    platform: Text = column("Platform of the profile, else of the first event.", nullable=True)
    device_type: Text = column("Device of the profile, else of the first event.", nullable=True)
    country: Text = column("ISO code of the country of the profile, else of the first event.", nullable=True)
    sex: Text = column("female, male; NULL where the source does not say.", nullable=True, sensitivity="personal")
    role: Text = column("MEMBER or STAFF; NULL where the source does not say.", nullable=True)
    timezone: Text = column("IANA name of the user's time zone.", nullable=True)
    event_count: Integer = column("Rows of core.events of the user.", ge=0)
    is_staff: Boolean = column("Whether the user belongs to the staff of the source, as the profile or any event says.")
    is_bot: Boolean = column("Whether any event of the user came from a robot.")
    is_eligibility_verified: Boolean = column(
        "Whether the user was found eligible; NULL where that is not asked.", nullable=True
    )
    has_profile: Boolean = column("Whether the source describes the user.")
