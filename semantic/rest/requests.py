"""What one request to `/load`, `/sql` or `/dry-run` asks for: its queries, their kind, and how Cube echoes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from semantic.query.echo import echo
from semantic.query.parse import QueryType, Request
from semantic.query.types import Query

COMPARE_KEY = "compareDateRange"
BLENDING_TIME = "time"
CACHE_MODE = "stale-if-slow"

Json = dict[str, object]


@dataclass(frozen=True)
class QuerySet:
    """The queries of a request, in order; several when dates are compared or queries blended."""

    type: QueryType
    queries: tuple[Query, ...]

    @classmethod
    def of(cls, request: Request) -> QuerySet:
        return cls(request.query_type, request.queries)

    @property
    def pivot_query(self) -> Json:
        """What a client pivots all results by, as `/load` sends it."""
        if self.type != "blendingQuery":
            return _pivot(echo(self.queries[0]), self.type)
        blended = self._blended()
        if not blended["dimensions"]:
            del blended["dimensions"]
        first = echo(self.queries[0])
        shared = {name: first.get(name) for name in ("limit", "timezone", "rowLimit")}
        return blended | shared | {"filters": [], "queryType": self.type}

    def _blended(self) -> Json:
        return {
            "measures": _unique(name for one in self.queries for name in one.measures),
            "dimensions": _unique(name for one in self.queries for name in one.dimensions),
            "timeDimensions": [{"dimension": BLENDING_TIME, "granularity": self.blending_granularity}],
        }

    @property
    def blending_granularity(self) -> str | None:
        return next(iter(_granularities(self.queries)), None)

    def normalized(self) -> list[Json]:
        """`normalizedQueries` of `/dry-run`: the first one carries what Cube's pivoting writes into it."""
        echoed = [_dry(echo(one)) for one in self.queries]
        if self.type != "blendingQuery":
            echoed[0] = _pivot(echoed[0], self.type)
        return echoed

    def dry_pivot_query(self) -> Json:
        """`pivotQuery` of `/dry-run`."""
        if self.type == "blendingQuery":
            return self._blended() | {"queryType": self.type}
        return self.normalized()[0]


def _granularities(queries: Iterable[Query]) -> list[str]:
    first = (one.time_dimensions[0].granularity for one in queries if one.time_dimensions)
    return _unique(name for name in first if name)


def _pivot(echoed: Json, kind: QueryType) -> Json:
    dimensions = echoed.get("dimensions") or []
    if kind == "compareDateRangeQuery" and isinstance(dimensions, list):
        echoed = echoed | {"dimensions": [COMPARE_KEY, *dimensions]}
    return echoed | {"queryType": kind}


def _dry(payload: Mapping[str, object]) -> Json:
    return {**payload, "cacheMode": payload.get("cacheMode", CACHE_MODE)}


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
