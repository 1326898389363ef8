"""Raw rows written by hand, and the real models over them, each computed once, from staging to marts."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

import duckdb
from sqlmesh import Context, Model

FIRST, LAST = "2024-01-01", "2026-12-31"
"""The interval that incremental models are computed for: whatever is in raw."""

LOADED_AT = datetime(2025, 1, 1, tzinfo=UTC)
Cell = object
Row = dict[str, Cell]


class RawRows:
    """A warehouse of its own: `add` rows to raw tables, `query` what the models make of them."""

    def __init__(self, project: Context) -> None:
        self.project = project
        self.rendered: dict[str, str] = {}
        self.audits: dict[str, list[tuple[str, str]]] = {}
        self.connection = duckdb.connect(config={"disabled_optimizers": "common_subplan"})
        self.connection.execute("ATTACH ':memory:' AS warehouse; USE warehouse; SET TimeZone = 'UTC'; SET threads = 1")
        for schema in ("raw", "staging", "core", "marts"):
            self.connection.execute(f"CREATE SCHEMA {schema}")
        self.clear()

    def clear(self) -> None:
        """Empty the raw tables."""
        for model in self.project.models.values():
            if model.kind.is_external:
                types = (model.columns_to_types or {}).items()
                listed = ", ".join(f'"{name}" {type_.sql("duckdb")}' for name, type_ in types)
                self.connection.execute(f"CREATE OR REPLACE TABLE {model.name} ({listed})")
        self.number = 0

    def add(self, table: str, *rows: Row, **same: Cell) -> None:
        """Put rows into raw.<table>; `same` are the columns in which they do not differ. What is not named is NULL."""
        for one in rows:
            self.number += 1
            loaded = {"_batch_id": "b", "_row_number": self.number, "_loaded_at": LOADED_AT}
            row = {**loaded, **same, **one}
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            self.connection.execute(f"INSERT INTO raw.{table} ({names}) VALUES ({marks})", list(row.values()))

    def query(self, *tables: str, sql: str) -> list[tuple[Cell, ...]]:
        """Compute tables with everything that they read, in order, then ask."""
        wanted = {self.project.get_model(name, raise_if_missing=True).fqn for name in tables}
        for fqn in self.project.dag.subdag(*wanted).sorted:
            model = self.project.models[fqn]
            if model.kind.is_external:
                continue
            types = (model.columns_to_types or {}).items()
            listed = ", ".join(f'"{name}" {type_.sql("duckdb")}' for name, type_ in types)
            self.connection.execute(f"CREATE OR REPLACE TABLE {model.name} ({listed})")
            self.connection.execute(f"INSERT INTO {model.name} BY NAME {self._sql(fqn)}")
        return self.connection.execute(sql).fetchall()

    def _sql(self, fqn: str) -> str:
        if fqn not in self.rendered:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                query = self.project.models[fqn].render_query_or_raise(start=FIRST, end=LAST)
            self.rendered[fqn] = query.sql("duckdb", comments=False)
        return self.rendered[fqn]

    def complaints(self, name: str) -> list[str]:
        """The audits of a table, by name and by what they compare it with, that find something wrong in it."""
        model = self.project.get_model(name, raise_if_missing=True)
        return [text for text, sql in self._audits(model) if self.connection.execute(sql).fetchall()]

    def _audits(self, model: Model) -> list[tuple[str, str]]:
        """Those that compare with another table, in DuckDB's SQL."""
        if model.name not in self.audits:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.audits[model.name] = [
                    (
                        f"{audit.name} {given['source'].sql('bigquery')}",
                        model.render_audit_query(audit, start=FIRST, end=LAST, **given).sql("duckdb", comments=False),
                    )
                    for audit, given in model.audits_with_args
                    if "source" in given
                ]
        return self.audits[model.name]
