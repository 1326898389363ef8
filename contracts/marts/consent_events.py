"""Contract of `marts.consent_events`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Number, Text


class ConsentEvents(Contract, layer="marts", table="consent_events", version="1.0.0", key="event_key"):
    """One row per event of a consent notice, with the profile of its company and the consent that it opened."""

    event_key: Text = column("Source and id of the event.", references=to("core", "events", "event_key"))
    company_key: Text = column("Source and id of the company.", references=warn(to("core", "companies", "company_key")))
    company_id: Text = column("Public key of the company.", nullable=True)
    user_key: Text = column(
        "Visitor; NULL where the export has no user id.",
        nullable=True,
        references=warn(to("core", "users", "user_key")),
    )
    occurred_at: Instant = column("When it happened (UTC).")
    given_at: Instant = column("When the consent that the event opened was given (UTC).", nullable=True)
    industry: Text = column("Industry of the company as customers see it.", nullable=True)
    industry_group: Text = column("Industry of the company as the back office groups it.", nullable=True)
    hq_country: Text = column("Country of the company's head quarters, by name.", nullable=True)
    event_type: Text = column("Kind of event.", nullable=True)
    consent_status: Text = column(
        "Answer of the consent that the event opened; NULL if it opened none or got no answer.", nullable=True
    )
    event_consent_status: Text = column("Consent of the visitor at the moment of the event.", nullable=True)
    country: Text = column("ISO code of the visitor's country.", nullable=True)
    region: Text = column("Region of the visitor.", nullable=True)
    platform: Text = column("Kit that sent the event.", nullable=True)
    device_type: Text = column("Device of the visitor.", nullable=True)
    browser: Text = column("Browser of the visitor.", nullable=True)
    domain: Text = column("Site that showed the notice.", nullable=True)
    observed_count: Number = column("Events as observed in the sample.", ge=0)
    estimated_count: Number = column("Events as estimated for all visitors: observed / sampling rate.", ge=0)
    asked_count: Number = column("Estimated number of questions that the event stands for.", ge=0)
    given_count: Number = column("Estimated number of answers to them, or of answers without a question.", ge=0)
    seconds_to_given: Number = column(
        "Seconds from question to answer, where both are known.", nullable=True, unit="seconds"
    )
    is_sampling_rate_missing: Boolean = column("Whether the source gave no rate, so that 1 was taken.")
    is_paired: Boolean = column("Whether question and answer are of the same visitor.")
