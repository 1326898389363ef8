"""The data model and the engine over the warehouse, as the command line needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headrace.config import Settings
from headrace.errors import QueryFailed
from headrace.never_null import open_proof
from headrace.rollups import open_stock
from headrace.warehouse import Reader, open_reader
from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import Cube, DataModel, Dimension, Measure, Segment
from semantic.engine import Engine
from semantic.errors import SemanticError
from semantic.query.types import Query, TimeDimension


def open_engine(settings: Settings, environment: str, *, on_broken: Callable[[str], None]) -> Engine:
    """An engine over the project's data model; cubes and views whose file is broken are left out and told of.

    Raises WarehouseError when there is no warehouse, or no such environment in it.
    """
    model = load_data_model(settings.data_model, strict=False)
    for problem in model.problems:
        on_broken(str(problem))
    reader = open_reader(settings)
    reader.tables(environment)
    return Engine(
        model,
        reader,
        environment=environment,
        rollups=open_stock(settings, reader, environment),
        never_null=open_proof(settings, environment),
    )


def validate_data_model(settings: Settings) -> tuple[str, ...]:
    """Everything that is wrong with the data model; with a warehouse, also members that its tables cannot compute."""
    model = load_data_model(settings.data_model, strict=False)
    problems = [str(problem) for problem in model.problems]
    if settings.bigquery is not None or settings.warehouse.is_file():
        reader = open_reader(settings)
        problems += impossible_members(model, reader)
        reader.close()
    return tuple(problems)


def impossible_members(model: DataModel, reader: Reader) -> Iterator[str]:
    """Members and joins of cubes that the warehouse refuses, with its reason; views only repeat them."""
    compiler = Compiler(model, dialect=reader.dialect, visible_only=False)
    for cube in model.cubes.values():
        for member in () if cube.is_view else _members(cube):
            refused = (_refused(compiler, reader, question) for question in _questions(compiler, cube, member))
            reason = next((reason for reason in refused if reason), "")
            if reason:
                yield f"{member.place.file}:{member.place.line}: {member.full_name}: {reason} [warehouse]"
        for join in cube.joins:
            some = [one.full_name for one in (*cube.dimensions.values(), *model.cubes[join.target].dimensions.values())]
            question = Query(dimensions=tuple(some[:1]), join_hints=((join.source, join.target),))
            reason = _refused(compiler, reader, question) if some else ""
            if reason:
                yield f"{join.place.file}:{join.place.line}: joins.{join.source}.{join.target}: {reason} [warehouse]"


def _refused(compiler: Compiler, reader: Reader, question: Query) -> str:
    """Why a query cannot be computed; "" when it can."""
    try:
        compiled = compiler.compile(question)
        reader.columns(compiled.sql, compiled.parameters)
    except (SemanticError, QueryFailed) as error:
        return str(error).splitlines()[0]
    return ""


def _members(cube: Cube) -> Iterator[Measure | Dimension | Segment]:
    yield from cube.dimensions.values()
    yield from cube.measures.values()
    yield from cube.segments.values()


def _questions(compiler: Compiler, cube: Cube, member: Measure | Dimension | Segment) -> Iterator[Query]:
    """The smallest queries that need all of the member."""
    names = (member.full_name,)
    if isinstance(member, Measure):
        yield Query(measures=names, dimensions=_switches(compiler, member), time_dimensions=_shifted(compiler, member))
    elif isinstance(member, Dimension):
        yield Query(dimensions=names)
        written = (entry.name for entry in member.granularities if entry.sql is not None)
        yield from (Query(time_dimensions=(TimeDimension(member.full_name, name),)) for name in written)
    else:
        some = next((one.full_name for one in (*cube.dimensions.values(), *cube.measures.values())), None)
        if some is not None and some.partition(".")[2] in cube.dimensions:
            yield Query(segments=names, dimensions=(some,))
        elif some is not None:
            yield Query(segments=names, measures=(some,))


def _switches(compiler: Compiler, measure: Measure) -> tuple[str, ...]:
    """The switches that a measure depends on, and has a meaning only beside."""
    members = compiler.planner.members
    needed = members.dependencies(measure.full_name).sub_queries
    return tuple(name for name in needed if members.dimension(name).type == "switch")


def _shifted(compiler: Compiler, measure: Measure) -> tuple[TimeDimension, ...]:
    """A time that declares the shifts which a measure only names."""
    named = {entry.name for entry in measure.multi_stage.time_shift} if measure.multi_stage else set()
    dimensions = (one for cube in compiler.model.cubes.values() for one in cube.dimensions.values())
    found = (one for one in dimensions if any(entry.name in named - {None} for entry in one.time_shift))
    return tuple(TimeDimension(one.full_name, "day") for one in found)[:1]
