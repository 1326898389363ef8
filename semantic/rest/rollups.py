"""Whether a rollup that somebody designs could answer a query: `/v1/pre-aggregations/can-use`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def can_use(transformed: Mapping[str, Any], references: Mapping[str, Any]) -> bool:
    """`transformed` is a transformed query of `/dry-run`, `references` the members of the rollup.

    Additive measures may be rolled up from finer rows; others need exactly the rollup's dimensions and granularities.
    """
    measures, dimensions = _names(references, "measures"), _names(references, "dimensions")
    stored = _times(references)
    asked = [(str(name), str(granularity)) for name, granularity in transformed.get("timeDimensions") or ()]
    if transformed.get("leafMeasureAdditive"):
        hierarchies = transformed.get("granularityHierarchies") or {}
        return (
            _names(transformed, "leafMeasures") <= measures
            and _names(transformed, "sortedDimensions") <= dimensions
            and all(any(_rolls_up(hierarchies, one, kept) for kept in stored) for one in asked)
        )
    return (
        _names(transformed, "measures") <= measures
        and _names(transformed, "sortedDimensions") == dimensions
        and set(asked) == set(stored)
    )


def _rolls_up(hierarchies: Mapping[str, Sequence[str]], asked: tuple[str, str], kept: tuple[str, str]) -> bool:
    return asked[0] == kept[0] and kept[1] in hierarchies.get(".".join(asked), ())


def _names(content: Mapping[str, Any], key: str) -> set[str]:
    return {str(name) for name in content.get(key) or ()}


def _times(references: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(one["dimension"]), str(one["granularity"])) for one in references.get("timeDimensions") or ()]
