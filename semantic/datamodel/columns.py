"""Dimensions that are nothing but a column of their cube's table."""

from __future__ import annotations

from sqlglot import exp

from semantic.datamodel.types import Cube, Dimension


def table_column(cube: Cube, dimension: Dimension) -> str:
    """The column of the cube's `sql_table` that a dimension is, "" where it is something else."""
    sql = dimension.sql
    if cube.sql_table is None or cube.sql is not None or sql is None:
        return ""
    if dimension.case is not None or dimension.sub_query or dimension.multi_stage is not None:
        return ""
    tree = sql.tree
    if not isinstance(tree, exp.Column) or len(tree.parts) > 2:
        return ""
    reference = sql.references.get(tree.parts[0].name)
    if len(tree.parts) == 1:
        return tree.name if reference is None else ""
    return tree.name if reference is not None and reference.kind == "cube" and reference.path[-1] == cube.name else ""
