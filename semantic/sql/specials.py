"""FILTER_PARAMS, FILTER_GROUP and SECURITY_CONTEXT: what a query and its caller say, restated inside the data model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from semantic.datamodel.templates import ARGUMENT, parse_argument
from semantic.datamodel.types import Callback, Reference
from semantic.errors import PlanError, QueryFormatError
from semantic.plan.build import Planner, filter_members
from semantic.plan.shape import BoundCondition, BoundFilter, BoundGroup, BoundRange, Shape
from semantic.sql.dialects import shifted
from semantic.sql.expressions import conjunction, disjunction, wrapped
from semantic.sql.filters import Filters

_WITHOUT_VALUES = ("set", "notSet")
# A callback over the two ends of a span cannot say these; the query's own condition does.
_NOT_ONE_SPAN = ("notInDateRange", "beforeDate", "beforeOrOnDate", "afterDate", "afterOrOnDate")


class Specials:
    """Restates the conditions of one shape."""

    def __init__(self, planner: Planner, shape: Shape, filters: Filters) -> None:
        self.planner = planner
        self.shape = shape
        self.filters = filters
        self.parameters = filters.parameters

    def fill(self, reference: Reference) -> exp.Expr:
        """What a reference of one of these kinds stands for."""
        if reference.kind == "security_context":
            return self._context(reference)
        members = reference.members if reference.kind == "filter_group" else (reference,)
        wanted = {self._target(".".join(member.path)): member for member in members}
        found = list(self._restated(wanted))
        return exp.Paren(this=conjunction(found)) if found else exp.Boolean(this=True)

    # Filters

    def _restated(self, wanted: Mapping[str, Reference]) -> Iterator[exp.Expr]:
        """The query's conditions that speak of nothing but the wanted members."""
        for time in self.shape.times:
            reference = wanted.get(self._target(time.dimension))
            if time.range is not None and reference is not None and not self._is_masked(time.dimension):
                yield self._range(time.range, reference)
        rows, _ = self.planner.split_filters(self.shape.conditions)
        for entry in rows:
            names = {self._target(name) for name in filter_members(entry)}
            seen = isinstance(entry, BoundGroup) and entry.guard
            if names and names <= set(wanted) and (seen or not any(map(self._is_masked, filter_members(entry)))):
                yield self._entry(entry, wanted)

    def _is_masked(self, name: str) -> bool:
        """Whether a condition is over a mask, of which the tables know nothing."""
        return self.shape.hides(name, self._target(name))

    def _target(self, name: str) -> str:
        return self.planner.members.target(name).full_name

    def _entry(self, entry: BoundFilter, wanted: Mapping[str, Reference]) -> exp.Expr:
        if isinstance(entry, BoundGroup):
            parts = [self._entry(child, wanted) for child in entry.children if filter_members(child)]
            return exp.Paren(this=(conjunction if entry.connector == "and" else disjunction)(parts))
        if not isinstance(entry, BoundCondition):
            return exp.Boolean(this=True)
        reference = wanted[self._target(entry.member)]
        if isinstance(reference.argument, str):
            condition = self.filters.condition(entry, wrapped(self._column(reference)))
            return exp.Paren(this=condition) if isinstance(condition, exp.Connector) else condition
        if entry.operator in _WITHOUT_VALUES or (entry.operator in _NOT_ONE_SPAN and reference.argument.count > 1):
            return exp.Boolean(this=True)
        values = [self.parameters.placeholder(slot) for slot in entry.slots]
        if entry.end_open:
            values[-1] = self._last_moment(values[-1])
        return self._called(reference.argument, values, entry.member)

    def _range(self, span: BoundRange, reference: Reference) -> exp.Expr:
        if isinstance(reference.argument, str):
            return self.filters.range(span, wrapped(self._column(reference)))
        start, end = (self.parameters.placeholder(slot) for slot in (span.start, span.end))
        values = [start, self._last_moment(end) if span.end_open else end]
        return self._called(reference.argument, values, ".".join(reference.path))

    def _last_moment(self, end: exp.Expr) -> exp.Expr:
        """The last millisecond before an end that is itself outside: callbacks are written for ends that are inside."""
        moment = self.filters.dialect.instant_parameter(end)
        return exp.Paren(this=shifted(moment, ((1, "millisecond"),), -1))

    def _column(self, reference: Reference) -> exp.Expr:
        return parse_argument(reference.argument, self.planner.model.dialect).copy()

    def _called(self, callback: Callback, values: list[exp.Expr], name: str) -> exp.Expr:
        if len(values) < callback.count:
            message = f"FILTER_PARAMS of '{name}' are written for {callback.count} values, and the filter has fewer"
            raise PlanError(message, place=name, advice="filter by a range, or by more values", code="filter_params")
        tree = parse_argument(callback, self.planner.model.dialect).copy()
        for node in list(tree.find_all(exp.Column)):
            if node.name.startswith(ARGUMENT):
                value = values[int(node.name.removeprefix(ARGUMENT))].copy()
                if node is tree:
                    return value
                node.replace(value)
        return exp.Paren(this=tree)

    # The security context

    def _context(self, reference: Reference) -> exp.Expr:
        if not reference.argument:
            return self.parameters.placeholder(reference.path)
        count = dict(self.shape.context).get(reference.path)
        if count is None:
            return self._absent(reference)
        paths = [(*reference.path, str(index)) for index in range(count)] if count >= 0 else [reference.path]
        if isinstance(reference.argument, Callback):
            # Only those that it is written for: a placeholder that stands nowhere would be one too many.
            values = [self.parameters.placeholder(path) for path in paths[: reference.argument.count]]
            return self._called(reference.argument, values, ".".join(reference.path))
        values = [self.parameters.placeholder(path) for path in paths]
        if not values:
            return exp.Boolean(this=False)
        if count >= 0:
            return exp.In(this=wrapped(self._column(reference)), expressions=values)
        return exp.EQ(this=wrapped(self._column(reference)), expression=values[0])

    def _absent(self, reference: Reference) -> exp.Expr:
        if not reference.required:
            return exp.Boolean(this=True)
        name = ".".join(reference.path)
        message = f"The security context has no '{name}', which the data model requires"
        raise QueryFormatError(message, place=name, advice="put it into the token", code="context")
