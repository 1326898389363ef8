"""What a statement may not read, and what may not stand behind a table's name."""

from __future__ import annotations

from sqlglot import exp

from semantic.sqlapi.errors import NotSupported
from semantic.sqlapi.rewriting.grouping import DONE
from semantic.sqlapi.rewriting.tables import position_of


def refuse_other_tables(tree: exp.Expr) -> None:
    """A last look: outside of compiled sub-selects a statement may read its own CTEs and nothing else.

    Raises NotSupported.
    """
    walked = list(tree.walk(prune=lambda node: isinstance(node, exp.Subquery) and bool(node.meta.get(DONE))))
    for node in walked:
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and not node.meta.get(DONE):
            raise NotSupported(
                f'"{node.name}" cannot be read here',
                position=position_of(node.this),
                hint="Name views and cubes directly behind FROM or JOIN, without parentheses.",
            )


def refuse_modifiers(table: exp.Table) -> None:
    """What stands behind a table's name and would be lost when the compiled sub-select takes its place."""
    alias = table.args.get("alias")
    found = [name for name, value in table.args.items() if value and name not in ("this", "db", "catalog", "alias")]
    if alias is not None and alias.columns:
        found.append("column aliases")
    if found:
        raise NotSupported(
            f'{found[0].upper()} on "{table.name}" is not supported',
            position=position_of(table.this),
            hint="Select from it in a sub-select or CTE first.",
        )
