"""The data model and the engine over the warehouse, as the command line needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headrace.config import Settings
from headrace.errors import QueryFailed
from headrace.rollups import open_stock
from headrace.warehouse import Reader, open_reader
from semantic.compiler import Compiler
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import Cube, DataModel, Dimension, Measure, Segment
from semantic.engine import Engine
from semantic.errors import SemanticError
from semantic.query.types import Query


def open_engine(settings: Settings, environment: str, *, on_broken: Callable[[str], None]) -> Engine:
    """An engine over the project's data model; cubes and views whose file is broken are left out and told of.

    Raises WarehouseError when there is no warehouse, or no such environment in it.
    """
    model = load_data_model(settings.data_model, strict=False)
    for problem in model.problems:
        on_broken(str(problem))
    reader = open_reader(settings)
    reader.tables(environment)
    return Engine(model, reader, environment=environment, rollups=open_stock(settings, reader, environment))


def validate_data_model(settings: Settings) -> tuple[str, ...]:
    """Everything that is wrong with the data model; with a warehouse, also members that its tables cannot compute."""
    model = load_data_model(settings.data_model, strict=False)
    problems = [str(problem) for problem in model.problems]
    if settings.bigquery is not None or settings.warehouse.is_file():
        reader = open_reader(settings)
        problems += _impossible_members(model, reader)
        reader.close()
    return tuple(problems)


def _impossible_members(model: DataModel, reader: Reader) -> Iterator[str]:
    """Members of cubes that the warehouse refuses, with its reason; views only repeat them."""
    compiler = Compiler(model, dialect=reader.dialect, visible_only=False)
    for cube in model.cubes.values():
        for member in () if cube.is_view else _members(cube):
            try:
                compiled = compiler.compile(_question(cube, member))
                reader.columns(compiled.sql, compiled.parameters)
            except (SemanticError, QueryFailed) as error:
                reason = str(error).splitlines()[0]
                yield f"{member.place.file}:{member.place.line}: {member.full_name}: {reason} [warehouse]"


def _members(cube: Cube) -> Iterator[Measure | Dimension | Segment]:
    yield from cube.dimensions.values()
    yield from cube.measures.values()
    yield from cube.segments.values()


def _question(cube: Cube, member: Measure | Dimension | Segment) -> Query:
    """The smallest query that needs the member."""
    names = (member.full_name,)
    if isinstance(member, Measure):
        return Query(measures=names)
    if isinstance(member, Dimension):
        return Query(dimensions=names)
    some = next(iter(cube.dimensions.values()))
    return Query(segments=names, dimensions=(some.full_name,))
