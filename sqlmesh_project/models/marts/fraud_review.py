"""`marts.fraud_review`: the rules of fraud/rules.yml applied to the signals, each with its weight and its reason."""

from __future__ import annotations

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.dialect import parse_one
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName

from sqlmesh_project.fraud.rules import MAX_SCORE, load_review

SIGNALS = {
    "accounts_on_device_count": "Most accounts seen on one of the user's devices, this one included.",
    "accounts_on_ip_count": "Most accounts seen on one of the user's addresses, this one included.",
    "fast_completion_count": "Tasks completed in less than 15 seconds.",
    "completion_count": "Completions of tasks.",
    "chargeback_count": "Facts that advertisers refused to pay.",
    "unstarted_completion_count": "Completions in offers without a recorded start.",
    "coin_count": "Coins that were credited.",
}
COLUMNS = {
    "user_key": ("STRING", "User."),
    "signed_up_at": ("TIMESTAMP", "When the account was created (UTC)."),
    "channel": ("STRING", "Channel that brought the user."),
    "country": ("STRING", "ISO code of the user's country."),
    "review_reasons": ("STRING", "Reasons of the rules that hold, with their weights; NULL when none does."),
    **{name: ("INT64", comment) for name, comment in SIGNALS.items()},
    "revenue_usd": ("NUMERIC(38, 9)", "What advertisers owe."),
    "chargeback_usd": ("NUMERIC(38, 9)", "Of that, what they took back."),
    "score": ("INT64", "Sum of the weights of the rules that hold, at most 100."),
    "is_for_review": ("BOOL", "Whether the score is high enough for a person to look at the user."),
}


def review_query() -> str:
    """The rules as SQL. Raises RulesError for a file that does not declare them."""
    review = load_review(SIGNALS)
    holds = [f"{rule.signal} >= {rule.at_least}" for rule in review.rules]
    texts = [exp.Literal.string(f"{rule.reason} ({rule.weight})").sql("bigquery") for rule in review.rules]
    weights = [
        f"CASE WHEN {held} THEN {rule.weight} ELSE 0 END" for held, rule in zip(holds, review.rules, strict=True)
    ]
    reasons = [
        f"CASE WHEN {held} THEN CONCAT('; ', {text}) ELSE '' END" for held, text in zip(holds, texts, strict=True)
    ]
    judged = {
        "review_reasons": f"NULLIF(SUBSTR(CONCAT({', '.join(reasons)}), 3), '')",
        "score": f"CAST(LEAST(score, {MAX_SCORE}) AS INT64)",
        "is_for_review": f"score >= {review.review_from}",
    }
    listed = ", ".join(f"{judged.get(name, name)} AS {name}" for name in COLUMNS)
    return (
        "WITH signals AS (SELECT * FROM marts.fraud_signals),"
        f" scored AS (SELECT *, {' + '.join(weights)} AS score FROM signals) SELECT {listed} FROM scored"
    )


REVIEW_SQL = review_query()


@model(
    "marts.fraud_review",
    is_sql=True,
    kind={"name": ModelKindName.FULL},
    description="One row per user of the offerwall: score and reasons of the fraud review.",
    grains=["user_key"],
    tags=["rewards", "fraud"],
    audits=[("contract_errors", {"of": exp.column("fraud_review", table="marts")})],
    columns={name: type_ for name, (type_, _) in COLUMNS.items()},
    column_descriptions={name: comment for name, (_, comment) in COLUMNS.items()},
)
def fraud_review(_: MacroEvaluator) -> exp.Expr:
    return parse_one(REVIEW_SQL, dialect="bigquery")
