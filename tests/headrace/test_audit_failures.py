"""A failed audit says what it found, so that nobody has to run its query by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlglot import exp, parse_one
from sqlmesh.utils.errors import AuditError

from headrace.audit_failures import audit_findings

USERS = exp.column("users", table="core")


@pytest.mark.parametrize(
    ("audit", "arguments", "rows", "said"),
    [
        (
            "contract_errors",
            {"of": USERS},
            [("user_key.unique",), ("role.one_of user_key.not_null ",), ("role.one_of ",)],
            [
                "role.one_of is broken by 2 rows",
                "user_key.unique is broken by 1 rows",
                "user_key.not_null is broken by 1 rows",
            ],
        ),
        ("keeps_rows", {"source": USERS}, [(1005, 1004)], ["keeps_rows: 1,005 rows here, 1,004 in core.users"]),
        (
            "reconciles",
            {"source": USERS, "ours": exp.column("spend_usd")},
            [(Decimal("10.01"), Decimal(10))],
            ["reconciles: the sum of spend_usd is 10.01 here, 10 in core.users"],
        ),
        (
            "not_null",
            {"columns": exp.column("user_key"), "condition": exp.true()},
            [(1,)],
            ["not_null columns user_key: 7 rows"],
        ),
    ],
)
def test_a_failed_audit_says_what_it_found(
    audit: str, arguments: dict[str, Any], rows: list[tuple[Any, ...]], said: list[str]
) -> None:
    query = parse_one("SELECT 1 AS failed")
    assert isinstance(query, exp.Query)
    asked: list[exp.Query] = []

    def fetch(sql: exp.Query) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return rows

    assert audit_findings(AuditError(audit, arguments, 7, query), fetch) == said
    assert asked == [query]
