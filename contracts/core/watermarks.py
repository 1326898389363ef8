"""Contract of `core.watermarks`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Instant, Integer, Text


class Watermarks(Contract, layer="core", table="watermarks", version="1.0.0", key="record_source"):
    """One row per source: what time its events cover."""

    record_source: Text = column("Source of the events.")
    first_event_at: Instant = column("First event (UTC).", nullable=True)
    last_event_at: Instant = column("Latest event (UTC): nothing after it is known.")
    event_count: Integer = column("Events of the source.", ge=0)
