"""Contract of `core.companies`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Text


class Companies(Contract, layer="core", table="companies", version="1.0.0", key="company_key"):
    """One row per company: those with a profile, and those that only events name."""

    company_key: Text = column("Source and id of the company.")
    company_id: Text = column("Id of the company within its source.")
    first_event_at: Instant = column("First event of the company (UTC); NULL without events.", nullable=True)
    last_event_at: Instant = column("Latest event of the company (UTC).", nullable=True)
    record_source: Text = column(
        "Source that knows the company.", references=warn(to("core", "sources", "record_source"))
    )
    company_name: Text = column("Name, or the id where there is none.")
    industry: Text = column("Industry as customers see it.", nullable=True)
    industry_group: Text = column("Industry as the back office groups it.", nullable=True)
    hq_country: Text = column("Country of the head quarters, by name.", nullable=True)
    has_profile: Boolean = column("Whether the source describes the company, or only events name it.", nullable=True)
    has_events: Boolean = column("Whether any event belongs to the company.", nullable=True)
