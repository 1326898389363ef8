"""Contract of `core.consents`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Number, Text


class Consents(Contract, layer="core", table="consents", version="1.0.0", key="consent_key"):
    """One row per consent that was asked for, with the answer that followed, and per answer that no question
    precedes."""

    consent_key: Text = column("Event that opened it: the question, or the answer that no question precedes.")
    user_key: Text = column(
        "Visitor; NULL where the export has no user id.",
        nullable=True,
        references=warn(to("core", "users", "user_key")),
    )
    company_key: Text = column("Company that asked.", references=to("core", "companies", "company_key"))
    opened_at: Instant = column("When it was asked, else when it was given (UTC).")
    asked_at: Instant = column("When it was asked (UTC); NULL when no question was seen.", nullable=True)
    given_at: Instant = column("When it was answered (UTC); NULL without an answer.", nullable=True)
    consent_status: Text = column("Answer: full opt-in, partial opt-in, opt-out.", nullable=True)
    country: Text = column("ISO code of the visitor's country.", nullable=True)
    region: Text = column("Region of the visitor.", nullable=True)
    platform: Text = column("Kit that showed the notice.", nullable=True)
    device_type: Text = column("Device of the visitor.", nullable=True)
    browser: Text = column("Browser of the visitor.", nullable=True)
    domain: Text = column("Site that showed the notice.", nullable=True)
    asked_count: Number = column("Estimated number of questions.", ge=0)
    given_count: Number = column("Estimated number of answers.", ge=0)
    seconds_to_given: Number = column(
        "Seconds from question to answer, where both are known.", nullable=True, unit="seconds"
    )
    is_asked: Boolean = column("Whether a question was seen.")
    is_given: Boolean = column("Whether an answer was seen.")
    is_paired: Boolean = column("Whether question and answer are of the same visitor.")
    is_user_known: Boolean = column("Whether the export names the visitor; if not, nothing can be paired.")
