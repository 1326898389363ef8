"""Says what audits that failed have found: which rule is broken how often, which sums are not those of the source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

if TYPE_CHECKING:
    from sqlmesh.utils.errors import AuditError

Fetch = Callable[[exp.Query], Sequence[tuple[Any, ...]]]
"""Runs a query on the engine that the audit ran on."""


def audit_findings(error: AuditError, fetch: Fetch) -> list[str]:
    """What one audit found, by asking its query once more; one line per broken rule of a contract."""
    rows = fetch(error.query)
    if error.audit_name == "contract_errors":
        broken = Counter(rule for (rules, *_) in rows for rule in str(rules).split())
        return [f"{rule} is broken by {count:,} rows" for rule, count in broken.most_common()]
    if error.audit_name in ("keeps_rows", "reconciles") and len(rows) == 1:
        ours, theirs = (f"{value:,}" for value in rows[0])
        source = _sql(error.audit_args["source"])
        if error.audit_name == "keeps_rows":
            return [f"keeps_rows: {ours} rows here, {theirs} in {source}"]
        return [f"reconciles: the sum of {_sql(error.audit_args['ours'])} is {ours} here, {theirs} in {source}"]
    named = [f"{name} {_sql(value)}" for name, value in error.audit_args.items() if name != "condition"]
    return [f"{' '.join([error.audit_name, *named])}: {error.count:,} rows"]


def _sql(argument: Any) -> str:
    return argument.sql("bigquery").replace("`", "") if isinstance(argument, exp.Expr) else str(argument)
