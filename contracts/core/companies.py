"""Contract of `core.companies`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Boolean, Day, Instant, Integer, Text


class Companies(Contract, layer="core", table="companies", version="1.0.0", key="company_key"):
    """One row per company: those with a profile, and those that only events name."""

    company_key: Text = column("Source and id of the company.")
    company_id: Text = column("Id of the company within its source.")
    first_event_at: Instant = column("First event of the company (UTC); NULL without events.", nullable=True)
    last_event_at: Instant = column("Latest event of the company (UTC).", nullable=True)
    launched_on: Day = column("Day on which a client's people could first sign up.", nullable=True)
    record_source: Text = column("Source that knows the company.")
    company_name: Text = column("Name, or the id where there is none.")
    industry: Text = column("Industry as customers see it.", nullable=True)
    industry_group: Text = column("Industry as the back office groups it.", nullable=True)
    hq_country: Text = column(
        "Country of the head quarters: by name for companies with notices, an ISO code for clients.", nullable=True
    )
    eligibility_method: Text = column("How a client verifies eligibility.", nullable=True)
    eligible_count: Integer = column("People of a client who may use the platform.", nullable=True, ge=0)
    has_profile: Boolean = column("Whether the source describes the company, or only events name it.")
    has_events: Boolean = column("Whether any event belongs to the company.")
