"""Whether a source's counts are what its declaration says: numbers of observed events, or estimates made from them."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from ingestion import sql
from ingestion.declaration import Sampling

_EXTRAPOLATED = "abs(count * rate - 1) <= 0.05"
"""An estimate of one observed event is 1 / rate, rounded down: 33 for 0.03."""
_SUSPICIOUS = 0.9


@dataclass(frozen=True)
class Evidence:
    """`sampled` rows have a rate below 1; only they can tell. `extrapolated` of them have COUNT x RATE of about 1."""

    rows: int = 0
    near_one: int = 0
    sampled: int = 0
    extrapolated: int = 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.rows + other.rows,
            self.near_one + other.near_one,
            self.sampled + other.sampled,
            self.extrapolated + other.extrapolated,
        )


def gather(connection: duckdb.DuckDBPyConnection, sampling: Sampling, accepted: str) -> Evidence:
    """Count the evidence in the rows of a SELECT."""
    row = connection.execute(
        f"SELECT count(*), count(*) FILTER ({_EXTRAPOLATED}), count(*) FILTER (rate < 0.999), "
        f"count(*) FILTER (rate < 0.999 AND {_EXTRAPOLATED}) "
        f"FROM (SELECT {sql.name(sampling.count)} AS count, {sql.name(sampling.rate)} AS rate FROM ({accepted}))"
    ).fetchone()
    return Evidence(*row) if row else Evidence()


def contradiction(sampling: Sampling, evidence: Evidence) -> str | None:
    """What the data says against `count_is`, with figures; None when they agree or nothing was sampled."""
    if not evidence.sampled:
        return None
    share = evidence.extrapolated / evidence.sampled
    count, rate = sampling.count.upper(), sampling.rate.upper()
    figures = (
        f"{count} x {rate} is about 1 on {evidence.near_one:,} of {evidence.rows:,} rows "
        f"({evidence.near_one / evidence.rows:.1%}), on {evidence.extrapolated:,} of {evidence.sampled:,} "
        f"that were sampled ({share:.1%})"
    )
    if sampling.count_is == "observed" and share >= _SUSPICIOUS:
        return (
            f"count_is says observed, but {figures}: {count} looks extrapolated already, "
            f"and dividing by {rate} again counts too much; declare `count_is: extrapolated` if that is so"
        )
    if sampling.count_is == "extrapolated" and share < 1 - _SUSPICIOUS:
        return f"count_is says extrapolated, but {figures}: {count} looks observed; declare `count_is: observed` if so"
    return None
