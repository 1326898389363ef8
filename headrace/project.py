"""The models of a project as SQLMesh derives them (columns, types, queries), without touching the warehouse."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from headrace.config import Settings
from headrace.errors import ProjectError


@dataclass(frozen=True)
class ModelTable:
    """A table that a model makes, or (external) that is read as it is."""

    name: str
    path: Path
    columns: Mapping[str, exp.DataType]
    descriptions: Mapping[str, str]
    description: str
    grain: tuple[str, ...]
    audited_as: tuple[str, ...]
    is_external: bool
    query: exp.Expr | None

    @property
    def layer(self) -> str:
        return self.name.split(".")[0]


@dataclass(frozen=True)
class Project:
    """All tables of a project by `schema.table`."""

    root: Path
    tables: Mapping[str, ModelTable]


def load_project(settings: Settings) -> Project:
    """Load the models and derive their types. Raises ProjectError with SQLMesh's reason where one cannot be read."""
    from sqlmesh import Context
    from sqlmesh.core.console import NoopConsole, set_console
    from sqlmesh.utils.errors import SQLMeshError

    from headrace.sqlmesh_config import sqlmesh_config

    set_console(NoopConsole())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # in memory: the warehouse's file may be held by a server, and may not be there at all
        config = sqlmesh_config(settings, in_memory=True)
        try:
            context = Context(paths=str(settings.project), config=config)
            tables = [_table(model) for model in context.models.values()]
        except SQLMeshError as error:
            raise ProjectError(f"the models in {settings.project} cannot be read: {error}") from error
    return Project(settings.root, {table.name: table for table in tables})


def _table(model: Any) -> ModelTable:
    is_external = model.kind.is_external
    query = None if is_external or not model.is_sql else model.render_query()
    return ModelTable(
        name=_plain_name(model.fqn),
        path=Path(str(model._path)),
        columns=dict(model.columns_to_types or {}),
        descriptions={name.lower(): text for name, text in model.column_descriptions.items()},
        description=model.description or "",
        grain=tuple(column.name for grain in model.grains for column in _grain_columns(grain)),
        audited_as=tuple(
            arguments["of"].sql(dialect="bigquery").replace("`", "")
            for name, arguments in model.audits
            if name == "contract_errors" and "of" in arguments
        ),
        is_external=is_external,
        query=query,
    )


def _grain_columns(grain: exp.Expr) -> list[exp.Column]:
    return list(grain.find_all(exp.Column))


def _plain_name(fqn: str) -> str:
    """`"memory"."core"."events"` -> `core.events`."""
    return ".".join(re.findall(r'"([^"]+)"', fqn)[-2:])
