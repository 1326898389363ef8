"""Contract of `marts.consent_by_company`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Day, Integer, Number, Text


class ConsentByCompany(
    Contract,
    layer="marts",
    table="consent_by_company",
    version="1.0.0",
    key=("company_key", "occurred_on", "event_type", "consent_status", "country", "platform", "device_type"),
):
    """One row per company, day, kind of event, consent status, country, platform and device, with the profile of
    the company."""

    company_key: Text = column("Source and id of the company.", references=warn(to("core", "companies", "company_key")))
    company_id: Text = column("Public key of the company.", nullable=True)
    occurred_on: Day = column("Day of the events (UTC).")
    company_name: Text = column("Name of the company, or its key.", nullable=True)
    industry: Text = column("Industry as customers see it.", nullable=True)
    industry_group: Text = column("Industry as the back office groups it.", nullable=True)
    hq_country: Text = column("Country of the head quarters, by name.", nullable=True)
    event_type: Text = column("Kind of event.")
    consent_status: Text = column("Consent of the visitor at that moment, or unknown.")
    country: Text = column("ISO code of the visitors' country, or unknown.")
    platform: Text = column("Kit that sent the events, or unknown.")
    device_type: Text = column("Device of the visitors, or unknown.")
    event_count: Integer = column("Rows of core.events.", ge=0)
    observed_count: Number = column("Events as observed in the sample.", ge=0)
    estimated_count: Number = column("Events as estimated for all visitors: observed / sampling rate.", ge=0)
    asked_count: Number = column("Estimated questions for consent.", ge=0)
    given_count: Number = column("Estimated answers.", ge=0)
