"""Raw contracts of `intake`: a care platform's Snowplow events, its clients (employers) and its members."""

from __future__ import annotations

from datetime import timedelta

from contracts.base import LoadedTable, column, to
from contracts.rules import Freshness, Rows, warn
from contracts.types import Boolean, Day, Instant, Integer, Text


class IntakeEvents(
    LoadedTable,
    layer="raw",
    table="intake__events",
    version="1.0.0",
    key="event_id",
    freshness=Freshness("_loaded_at", timedelta(days=2)),
    rows=Rows(at_least=1),
):
    """One row per Snowplow event (atomic.events), with the two contexts that analysis needs in columns of their own."""

    event_id: Text = column("Identifier that the tracker gave to the event.")
    app_id: Text = column("Application that sent it.", nullable=True)
    platform: Text = column("Platform: web, mob, srv.", nullable=True)
    event_name: Text = column("Name of the event: page_view, funnel.")
    collector_tstamp: Instant = column("When the collector received it (UTC).")
    dvce_created_tstamp: Instant = column("When the device says that it happened; device clocks err.", nullable=True)
    derived_tstamp: Instant = column("When it happened, corrected for the device's clock (UTC).", nullable=True)
    user_id: Text = column("Account, once the user has signed in.", nullable=True)
    domain_userid: Text = column("Cookie of the browser.", nullable=True)
    domain_sessionid: Text = column("Session as the tracker sees it.", nullable=True)
    page_urlpath: Text = column("Path of the page.", nullable=True)
    geo_country: Text = column("ISO code of the country, from the address.", nullable=True)
    geo_timezone: Text = column("IANA name of the time zone, from the address.", nullable=True)
    user_ipaddress: Text = column("Address of the device.", nullable=True, sensitivity="personal")
    useragent: Text = column("Browser's own description.", nullable=True)
    br_family: Text = column("Browser.", nullable=True)
    dvce_type: Text = column("Computer, Mobile, Tablet; bots name themselves in useragent.", nullable=True)
    contexts: Text = column("All self-describing contexts as JSON text.", nullable=True)
    contexts_funnel: Text = column(
        "Funnel event as JSON text: funnel_name, step_name, in older versions step_action and failure_reason.",
        nullable=True,
        optional=True,
    )
    contexts_funnel_version: Text = column("Schema version of the funnel event.", nullable=True, optional=True)
    contexts_user: Text = column(
        "User entity as JSON text: user_id, role, is_eligibility_verified.", nullable=True, optional=True
    )
    contexts_user_version: Text = column("Schema version of the user entity.", nullable=True, optional=True)


class IntakeClients(
    LoadedTable,
    layer="raw",
    table="intake__clients",
    version="1.0.0",
    key="client_id",
    rows=Rows(at_least=1),
):
    """One row per client: an employer who offers the platform to its people."""

    client_id: Text = column("Identifier of the client.")
    client_name: Text = column("Name of the client.")
    industry: Text = column("Industry of the client.", nullable=True)
    country: Text = column("ISO code of the client's country.", nullable=True, max_length=2)
    eligible_lives: Integer = column("People who may use the platform.", nullable=True, ge=0)
    launched_on: Day = column("Day on which the client's people could first sign up.", nullable=True)
    eligibility_method: Text = column("How eligibility is verified: file, sso, code.", nullable=True)
    updated_at: Instant = column("When the row last changed (UTC).")


class IntakeMembers(
    LoadedTable,
    layer="raw",
    table="intake__members",
    version="1.0.0",
    key="user_id",
    rows=Rows(at_least=1),
):
    """One row per account: members and the platform's staff."""

    user_id: Text = column("Account.")
    client_id: Text = column(
        "Client of the member; NULL for staff.",
        nullable=True,
        references=warn(to("raw", "intake__clients", "client_id")),
    )
    role: Text = column("MEMBER or STAFF.", isin=("MEMBER", "STAFF"))
    country: Text = column("ISO code of the member's country.", nullable=True, max_length=2)
    timezone: Text = column("IANA name of the member's time zone.", nullable=True)
    is_eligibility_verified: Boolean = column("Whether the member was found eligible.", nullable=True)
    created_at: Instant = column("When the account was created (UTC).")
    updated_at: Instant = column("When the row last changed (UTC).")
