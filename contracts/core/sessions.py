"""Contract of `core.sessions`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.types import Boolean, Instant, Integer, Number, Text


class Sessions(Contract, layer="core", table="sessions", version="1.0.0", key="session_key"):
    """One row per session: events of a user with no gap over the timeout, and no longer than the cap."""

    session_key: Text = column("Source and id of the first event.")
    session_id: Text = column("Id of the first event.", nullable=True)
    user_key: Text = column("User of the session.", references=to("core", "users", "user_key"))
    started_at: Instant = column("First event (UTC).")
    ended_at: Instant = column("Last event (UTC).")
    record_source: Text = column("Source of the events.")
    entry_event_name: Text = column("What happened first.", nullable=True)
    platform: Text = column("Platform of the first event.", nullable=True)
    device_type: Text = column("Device of the first event.", nullable=True)
    country: Text = column("Country of the first event.", nullable=True)
    event_count: Integer = column("Events of the session.", ge=0)
    duration_seconds: Number = column(
        "Seconds from the first event to the last.", nullable=True, unit="seconds", ge=0, le=86_400
    )
    is_single_event: Boolean = column("Whether nothing followed the first event.")
