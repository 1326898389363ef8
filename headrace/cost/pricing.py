"""From bytes read to bytes billed and dollars, by BigQuery's on-demand prices.

"Charges are rounded up to the nearest MB, with a minimum 10 MB data processed per table referenced by the query, and
with a minimum 10 MB data processed per query." (https://cloud.google.com/bigquery/pricing#on_demand_pricing)
"""

from __future__ import annotations

import math
from collections.abc import Iterable

MB = 1024**2
TIB = 1024**4
MINIMUM = 10 * MB


def billed_bytes(read: Iterable[int]) -> int:
    """The bytes billed for a query that reads so many of each table; of no table at all nothing is billed.

    A table of which no column is read (COUNT(*)) is answered from metadata, and counts nothing.
    """
    tables = [max(MINIMUM, math.ceil(size / MB) * MB) for size in read if size]
    return sum(tables)


def usd(billed: int, price_per_tib: float) -> float:
    return billed / TIB * price_per_tib
