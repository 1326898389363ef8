"""Builds the lineage graph: columns from the models as SQLMesh resolves them, members from the data model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from contracts.results import COLUMNS, SCHEMA, TABLE
from headrace.config import Settings
from headrace.lineage.columns import query_lineage
from headrace.lineage.graph import Edge, Graph, Kind, Node
from headrace.project import Project, load_project
from semantic.datamodel.checks import snippets
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import Cube, DataModel, Dimension, Measure, Member, Sql


def build_graph(settings: Settings) -> Graph:
    """The whole graph of a project, without a warehouse. Raises ProjectError for models, DataModelError for cubes."""
    return graph_of(load_project(settings), load_data_model(settings.data_model, strict=False))


def graph_of(project: Project, data_model: DataModel | None) -> Graph:
    """The graph of loaded models and cubes."""
    graph = _table_graph(f"{SCHEMA}.{TABLE}", COLUMNS.names, None)
    for table in project.tables.values():
        graph |= _table_graph(table.name, table.columns, table.query, table.grain)
    return graph | _member_graph(data_model) if data_model else graph


def _table_graph(table: str, columns: Iterable[str], query: exp.Expr | None, grain: Iterable[str] = ()) -> Graph:
    nodes = {f"{table}.{column}": Node(f"{table}.{column}") for column in columns}
    if query is None:
        return Graph(nodes)
    found = query_lineage(query)
    edges = {
        Edge(f"{source}.{column}", f"{table}.{output}")
        for output, sources in found.outputs.items()
        for source, column in sources
    }
    edges |= {
        Edge(f"{source}.{column}", f"{table}.{output}", is_indirect=True)
        for source, column in found.indirect
        for output in found.outputs
    }
    # a constant (order_count is 1) counts rows, and what makes a row one is the key
    constants = {output for output, sources in found.outputs.items() if not sources}
    edges |= {
        Edge(f"{table}.{key}", f"{table}.{output}") for output in constants for key in grain if key not in constants
    }
    return Graph(nodes, frozenset(edges))


def _member_graph(data_model: DataModel) -> Graph:
    nodes: dict[str, Node] = {}
    edges: set[Edge] = set()
    for cube in data_model.cubes.values():
        for member in members(cube):
            name = member.full_name
            nodes[name] = Node(name, _kind(member), cube.is_view, member.public and cube.public)
            edges |= {Edge(source, name) for source in _member_sources(data_model, cube, member)}
    return Graph(nodes, frozenset(edges))


def members(cube: Cube) -> Iterator[Member]:
    """Measures, dimensions and segments of a cube or view."""
    yield from cube.measures.values()
    yield from cube.dimensions.values()
    yield from cube.segments.values()


def _kind(member: Member) -> Kind:
    if isinstance(member, Measure):
        return "measure"
    return "dimension" if isinstance(member, Dimension) else "segment"


def _member_sources(data_model: DataModel, cube: Cube, member: Member) -> Iterator[str]:
    if member.alias_of is not None:
        yield member.alias_of.name
        return
    table = cube_table(cube)
    for snippet in snippets(member):
        yield from (f"{owner}.{column}" for owner, column in snippet_columns(data_model, cube, snippet))
        for reference in snippet.references.values():
            if reference.kind == "member":
                yield f"{reference.path[-2]}.{reference.path[-1]}"
    if isinstance(member, Measure) and member.type == "count" and member.sql is None:
        # counting rows reads the table's key, which is what makes a row one
        yield from (key.full_name for key in cube.primary_key)
    if isinstance(member, Dimension) and member.sql is None and member.case is None and table:
        yield f"{table}.{member.name}"


def cube_table(cube: Cube) -> str | None:
    """`core.events` of a cube, where it reads a table."""
    return ".".join(cube.sql_table.replace("`", "").replace('"', "").split(".")[-2:]) if cube.sql_table else None


def snippet_columns(data_model: DataModel, cube: Cube, snippet: Sql) -> list[tuple[str, str]]:
    """The columns that a SQL snippet of a cube reads, as (table, column); `{member}` references are not among them."""
    found = []
    for column in snippet.tree.find_all(exp.Column):
        if column.name in snippet.references:
            continue
        reference = snippet.references.get(column.table)
        owner = data_model.cubes[reference.path[-1]] if reference and reference.kind == "cube" else cube
        table = cube_table(owner)
        if table and (reference or not column.table):
            found.append((table, column.name))
    return list(dict.fromkeys(found))
