"""What a sample is made of: its size, its period, its dirt, and the truths that are hidden in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

PEOPLE = 20_000
"""People at scale 1; every source draws its users from them."""


@dataclass(frozen=True)
class Plan:
    """The same plan gives the same rows, on any machine."""

    scale: float
    days: int
    late: float
    dirty: float
    seed: int
    end: date

    @property
    def start(self) -> date:
        return self.end - timedelta(days=self.days - 1)

    @property
    def export_on(self) -> date:
        """The first of the two exports ends before this day; what came late to it is in the second."""
        return self.start + timedelta(days=max(1, self.days * 2 // 3))

    @property
    def page_added_on(self) -> date:
        """The first of a month from which a page more makes more people leave; the middle of short periods."""
        middle = self.start + timedelta(days=self.days // 2)
        first = middle.replace(day=1)
        return first if first > self.start else middle

    @property
    def people(self) -> int:
        return max(200, round(PEOPLE * self.scale))

    def rows(self, at_scale_1: int) -> int:
        return max(50, round(at_scale_1 * self.scale))

    @property
    def truths(self) -> Mapping[str, str]:
        """What an analysis of the sample must find, in words; tests read the same constants."""
        return MappingProxyType(
            {
                "page_added_on": self.page_added_on.isoformat(),
                "stuck_client": STUCK_CLIENT,
                "fraud_ring_device": RING_DEVICE,
            }
        )


STUCK_CLIENT = "client-07"
"""Its members get stuck when their eligibility is verified."""
RING_DEVICE = "device-ring-1"
"""The device that a ring of accounts shares."""
