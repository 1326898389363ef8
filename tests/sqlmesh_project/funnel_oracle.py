"""Funnels the slow and obvious way: loops over the events of each entity, as docs/funnels.md words it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlmesh_project.funnels.declaration import Exclusion, Funnel, Predicate
from tests.sqlmesh_project.journeys import Event

HOUR = 3600


@dataclass(frozen=True)
class Path:
    """One entry: its event, the second at which each step was reached, the country of the attributed event."""

    event_id: str
    steps: tuple[int | None, ...]
    country: str | None


def matches(predicate: Predicate, event: Event) -> bool:
    values = {"event_name": event.name, "event_type": event.name, "country": event.country}
    return all((values[one.name] in one.values) != one.negated for one in predicate.conditions)


def paths(funnel: Funnel, events: Sequence[Event]) -> set[Path]:
    """The entries that the funnel counts."""
    known = sorted((one for one in events if one.user is not None), key=lambda one: (one.user, one))
    journeys = [list(group) for _, group in groupby(known, key=lambda one: one.user)]
    if funnel.count == "sessions":
        journeys = [session for journey in journeys for session in sessions(journey)]
    return {path for journey in journeys for path in entity_paths(funnel, journey)}


def sessions(journey: list[Event], gap: int = 1800, cap: int = 86400) -> list[list[Event]]:
    """A user's events, in their total order, cut where a gap is over the timeout or the session over the cap."""
    result: list[list[Event]] = []
    for event in journey:
        if result and event.second - result[-1][-1].second <= gap and event.second - result[-1][0].second <= cap:
            result[-1].append(event)
        else:
            result.append([event])
    return result


def entity_paths(funnel: Funnel, journey: list[Event]) -> list[Path]:
    if funnel.order == "unordered":
        return unordered_paths(funnel, journey)
    if funnel.tie_order == "steps":
        journey = sorted(journey, key=lambda event: (event.second, rank(funnel, event), event.event_id))
    starts = [place for place, event in enumerate(journey) if matches(funnel.steps[0].where, event)]
    if funnel.entry == "first":
        starts = starts[:1]
    if funnel.count == "totals":
        starts = successive(funnel, journey, starts)
    walks = [walk(funnel, journey, start) for start in starts]
    counted = [one for one in walks if not disqualified(funnel, journey, one)]
    if funnel.entry == "any" and funnel.count != "totals" and counted:
        counted = [max(counted, key=lambda one: (len(one), -one[0]))]
    return [described(funnel, journey, one) for one in counted]


def successive(funnel: Funnel, journey: list[Event], starts: list[int]) -> list[int]:
    """The next attempt begins after the conversion of the one before, or after its window."""
    kept: list[int] = []
    for start in starts:
        if kept:
            last = walk(funnel, journey, kept[-1])
            end = journey[kept[-1]].second + funnel.conversion_window
            over = start > last[-1] if len(last) == len(funnel.steps) else journey[start].second > end
            if not over:
                continue
        kept.append(start)
    return kept


def held(funnel: Funnel, event: Event) -> tuple[str | None, ...]:
    return tuple(event.country for _ in funnel.hold_constant)


def walk(funnel: Funnel, journey: list[Event], start: int) -> list[int]:
    """Places of the events that fill the steps, as far as the path goes."""
    reached = [start]
    for number in range(2, len(funnel.steps) + 1):
        place = following(funnel, journey, reached[-1], number)
        if place is None or not allowed(funnel, journey, reached, place, number):
            break
        reached.append(place)
    return reached


def following(funnel: Funnel, journey: list[Event], place: int, number: int) -> int | None:
    """The place of the next event that fills a step, whatever the windows say."""
    step = funnel.steps[number - 1].where
    for later in range(place + 1, len(journey)):
        event = journey[later]
        if held(funnel, event) != held(funnel, journey[place]) or not in_scope(funnel, event):
            continue
        fits = matches(step, event) and not (funnel.strict_increase and event.second <= journey[place].second)
        if fits:
            return later
        if funnel.order == "strict":
            return None
    return None


def in_scope(funnel: Funnel, event: Event) -> bool:
    if funnel.order != "strict" or funnel.scope is None:
        return True
    return matches(funnel.scope, event) or any(matches(step.where, event) for step in funnel.steps)


def allowed(funnel: Funnel, journey: list[Event], reached: list[int], place: int, number: int) -> bool:
    second = journey[place].second
    if second > journey[reached[0]].second + funnel.conversion_window:
        return False
    if funnel.step_window is not None and second > journey[reached[-1]].second + funnel.step_window:
        return False
    return not any(
        excluded(funnel, journey, one, reached[-1], place)
        for one in funnel.exclusions
        if one.effect == "drop_off" and one.after < number <= one.before
    )


def excluded(funnel: Funnel, journey: list[Event], one: Exclusion, after: int, before: int) -> bool:
    between = journey[after + 1 : before]
    return any(matches(one.where, event) and held(funnel, event) == held(funnel, journey[after]) for event in between)


def disqualified(funnel: Funnel, journey: list[Event], reached: list[int]) -> bool:
    end = journey[reached[0]].second + funnel.conversion_window
    within = sum(1 for event in journey if event.second <= end)
    for one in funnel.exclusions:
        for number in range(one.after, one.before):
            if one.effect == "disqualify" and number <= len(reached):
                before = reached[number] if number < len(reached) else within
                if excluded(funnel, journey, one, reached[number - 1], before):
                    return True
    return False


def described(funnel: Funnel, journey: list[Event], reached: list[int]) -> Path:
    steps = [journey[place].second for place in reached]
    missing = len(funnel.steps) - len(reached)
    touched: int | None = reached[0]
    if funnel.attribution == "last_touch":
        touched = reached[-1]
    elif isinstance(funnel.attribution, int):
        touched = reached[funnel.attribution - 1] if funnel.attribution <= len(reached) else None
    country = None if touched is None else journey[touched].country
    return Path(journey[reached[0]].event_id, (*steps, *[None] * missing), country)


def unordered_paths(funnel: Funnel, journey: list[Event]) -> list[Path]:
    filled = [(event, step_of(funnel, event)) for event in journey]
    filled = [(event, step) for event, step in filled if step is not None]
    if not filled:
        return []
    entry = filled[0][0]
    end = entry.second + funnel.conversion_window
    firsts: dict[int, Event] = {}
    for event, step in filled:
        if event.second <= end and held(funnel, event) == held(funnel, entry):
            firsts.setdefault(step or 0, event)
    steps = tuple(firsts[number].second if number in firsts else None for number in range(len(funnel.steps)))
    touched: Event | None = entry
    if funnel.attribution == "last_touch":
        touched = max(firsts.values())
    elif isinstance(funnel.attribution, int):
        touched = firsts.get(funnel.attribution - 1)
    return [Path(entry.event_id, steps, None if touched is None else touched.country)]


def rank(funnel: Funnel, event: Event) -> int:
    """Where an event stands among those of its moment: by its first step, events of no step last."""
    step = step_of(funnel, event)
    return len(funnel.steps) if step is None else step


def step_of(funnel: Funnel, event: Event) -> int | None:
    """The first step that takes the event."""
    return next((number for number, step in enumerate(funnel.steps) if matches(step.where, event)), None)
