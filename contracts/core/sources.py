"""Contract of `core.sources`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Text


class Sources(Contract, layer="core", table="sources", version="1.0.0", key="record_source"):
    """One row per source, as ingestion/sources declares it."""

    record_source: Text = column("Name of the source.")
    source_description: Text = column("What the source tells about.", nullable=True)
    count_is: Text = column(
        "Whether its counts are as observed, or extrapolated from the sample already.",
        nullable=True,
        isin=("observed", "extrapolated"),
    )
