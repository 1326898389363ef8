"""Contract of `marts.intake_accounts`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Day, Instant, Integer, Number, Text


class IntakeAccounts(Contract, layer="marts", table="intake_accounts", version="1.0.0", key="user_key"):
    """One row per member account: whether and when it reached its first care project."""

    user_key: Text = column("Account.")
    company_key: Text = column(
        "Client of the account.", nullable=True, references=warn(to("core", "companies", "company_key"))
    )
    signed_up_at: Instant = column("When the account was created (UTC).")
    first_project_at: Instant = column(
        "When the first care project was created within the window (UTC).", nullable=True
    )
    signup_month_on: Day = column("First day of the month of the sign-up.", nullable=True)
    client_name: Text = column("Name of the client.", nullable=True)
    client_industry: Text = column("Industry of the client.", nullable=True)
    country: Text = column("Country of the account.", nullable=True)
    reached_step_name: Text = column(
        "Furthest step of the intake; NULL for an account that never entered it.", nullable=True
    )
    account_count: Integer = column("1 in every row, to be summed.", ge=0)
    project_count: Integer = column("1 if a first care project was reached, else 0.", ge=0)
    seconds_to_convert: Number = column(
        "Seconds from entering the intake to the first care project.", nullable=True, unit="seconds"
    )
    has_project: Boolean = column("Whether a first care project was reached.")
    is_eligibility_verified: Boolean = column("Whether the member was found eligible.")
    is_window_complete: Boolean = column("Whether the data covers the whole conversion window.")
