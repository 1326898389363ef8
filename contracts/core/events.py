"""Contract of `core.events`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Number, Text


class Events(Contract, layer="core", table="events", version="1.0.0", key="event_key"):
    """One row per tracked event of any source, in one shape, duplicates dropped and sampling undone."""

    event_key: Text = column("Source and id of the event.")
    event_id: Text = column("Id of the event within its source.", nullable=True)
    user_key: Text = column(
        "User of the event; NULL for anonymous events.", nullable=True, references=warn(to("core", "users", "user_key"))
    )
    user_id: Text = column("Id of the user within the source.", nullable=True)
    company_key: Text = column(
        "Company that the event belongs to.", nullable=True, references=warn(to("core", "companies", "company_key"))
    )
    company_id: Text = column("Id of the company within the source.", nullable=True)
    occurred_at: Instant = column("When it happened (UTC).")
    record_source: Text = column("Source of the event.", references=to("core", "sources", "record_source"))
    event_type: Text = column("Kind of event.")
    event_name: Text = column("What exactly happened: a page, a step, a kind.", nullable=True)
    platform: Text = column("Platform or kit that sent the event.", nullable=True)
    device_type: Text = column("desktop, smartphone, tablet, mobile.", nullable=True)
    browser: Text = column("Browser.", nullable=True)
    domain: Text = column("Site.", nullable=True)
    country: Text = column("ISO code of the user's country.", nullable=True)
    region: Text = column("Region within the country.", nullable=True)
    consent_status: Text = column("Consent of the visitor at that moment, in events of consent notices.", nullable=True)
    properties: Text = column("What else the source says, as JSON text.", nullable=True)
    sampling_rate: Number = column("Share of such events that were sampled.", nullable=True)
    observed_count: Number = column("Events that the row stands for in the sample.", ge=0)
    estimated_count: Number = column("Events that the row stands for in reality: observed / sampling rate.", ge=0)
    is_sampling_rate_missing: Boolean = column("Whether the source gave no rate, so that 1 was taken.")
    is_staff: Boolean = column("Whether the user belongs to the staff of the source.")
    is_bot: Boolean = column("Whether the browser calls itself a robot.")
    batch_id: Text = column("Batch that loaded the row.", nullable=True)
    loaded_at: Instant = column("When the row was loaded (UTC).", nullable=True)
