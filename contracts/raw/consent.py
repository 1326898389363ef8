"""Raw contracts of `consent`: the events of consent notices on the sites of many companies, and those companies."""

from __future__ import annotations

from datetime import timedelta

from contracts.base import LoadedTable, column, to
from contracts.rules import Freshness, Rows, warn
from contracts.types import Instant, Integer, Number, Text

EVENT_TYPES = ("pageview", "consent.asked", "consent.given", "ui.action")
CONSENT_STATUSES = ("full opt-in", "partial opt-in", "opt-out", "empty")


class ConsentEvents(
    LoadedTable,
    layer="raw",
    table="consent__events",
    version="1.0.0",
    key="event_id",
    freshness=Freshness("_loaded_at", timedelta(days=2)),
    rows=Rows(at_least=1),
):
    """One row per event that a consent notice sent."""

    event_id: Text = column("Identifier that the SDK gave to the event.", max_length=64)
    user_id: Text = column("Pseudonym of the visitor; newer exports have it.", nullable=True, optional=True)
    type: Text = column("What happened.", isin=warn(EVENT_TYPES))
    rate: Number = column("Share of such events that were sampled; NULL counts as 1.", nullable=True, gt=0, le=warn(1))
    parameters: Text = column("Details of the event as JSON text, as the SDK wrote it.", nullable=True)
    event_time: Instant = column("When it happened (UTC).")
    window_start: Instant = column("Start of the hour in which the event was collected (UTC).", nullable=True)
    apikey: Text = column(
        "Public key of the company.", references=warn(to("raw", "consent__companies", "public_api_key"))
    )
    consent: Text = column("Consent status of the visitor at that moment.", nullable=True, isin=warn(CONSENT_STATUSES))
    count: Integer = column("Number of events that the row stands for.", ge=0)
    experiment: Text = column("Running experiment of the notice.", nullable=True)
    sdk_type: Text = column("SDK that sent the event: sdk-web, sdk-mobile.", nullable=True)
    domain: Text = column("Site on which the notice was shown.", nullable=True)
    deployment_id: Text = column("Deployment of the notice.", nullable=True)
    country: Text = column("Country of the visitor: an ISO code, in quotes of its own.", nullable=True)
    region: Text = column("Region of the visitor, in quotes of its own.", nullable=True)
    browser_family: Text = column("Browser, or the SDK's name in apps.", nullable=True)
    device_type: Text = column("desktop, smartphone, tablet, phablet.", nullable=True)


class ConsentCompanies(
    LoadedTable,
    layer="raw",
    table="consent__companies",
    version="1.0.0",
    key="public_api_key",
    rows=Rows(at_least=1),
):
    """One row per company that runs a consent notice."""

    public_api_key: Text = column("Public key of the company.")
    industry_back: Text = column("Industry as the back office groups it.", nullable=True)
    industry_front: Text = column("Industry as customers see it.", nullable=True)
    hq_country: Text = column("Country of the head quarters, by name.", nullable=True)
