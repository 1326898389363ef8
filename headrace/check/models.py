"""Each contract against its model: columns, types, key, comments, audits, as SQLMesh derives them from the SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ibis.backends.sql.datatypes import BigQueryType
from sqlglot import exp

from contracts.base import Column, Contract
from contracts.types import comparable
from headrace.check.findings import Finding, Level
from headrace.check.places import line_of, place_of, relative
from headrace.project import ModelTable, Project

CHECKED_LAYERS = ("core", "marts")
"""Layers in which every table has a contract; parts of one (`funnel_paths__consent`) are nobody else's to read."""


def check_models(contracts: Sequence[type[Contract]], project: Project) -> Iterator[Finding]:
    """Every way in which models and contracts disagree."""
    by_table = {contract.terms().name: contract for contract in contracts}
    for name, contract in by_table.items():
        if name in project.tables:
            yield from _check_table(contract, project.tables[name], project)
        else:
            file, line = place_of(contract, project.root)
            message = f"{name} has a contract, but no model makes it; write the model, or remove the contract"
            yield Finding("model-missing", "error", name, message, file, line)
    for name, table in project.tables.items():
        if table.layer in CHECKED_LAYERS and name not in by_table and "__" not in name:
            message = f"{name} has no contract; state it in contracts/{table.layer}/"
            yield Finding("contract-missing", "error", name, message, relative(table.path, project.root))


def _check_table(contract: type[Contract], table: ModelTable, project: Project) -> Iterator[Finding]:
    declared = {column.name: column for column in contract.columns()}
    for name, column in declared.items():
        if name in table.columns:
            yield from _check_column(column, table, project)
        else:
            others = ", ".join(other for other in table.columns if other not in declared)
            message = f"{table.name}.{name} is in the contract, but not in the model" + (
                f"; it has {others}" * bool(others)
            )
            yield _at_contract(contract, project, "column-missing", "error", name, message)
    for name in table.columns:
        if name not in declared:
            message = f"{table.name}.{name} is in the model, but not in its contract {contract.terms().version}"
            yield _at_model(table, project, "column-undeclared", "error", name, message)
    if not table.is_external:
        yield from _check_header(contract, table, project)


def _check_column(column: Column, table: ModelTable, project: Project) -> Iterator[Finding]:
    derived = table.columns[column.name]
    if derived.this in (exp.DataType.Type.UNKNOWN, exp.DataType.Type.NULL):
        message = (
            f"the type of {table.name}.{column.name} cannot be derived; cast it to {column.type.sql_name} in the model"
        )
        yield _at_model(table, project, "column-untyped", "warning", column.name, message)
    elif comparable(BigQueryType.to_ibis(derived)) != comparable(column.dtype):
        found = derived.sql(dialect="bigquery")
        message = f"{table.name}.{column.name} is {found} in the model, but {column.type.sql_name} in its contract"
        yield _at_model(table, project, "column-type", "error", column.name, message)
    comment = table.descriptions.get(column.name)
    if comment is not None and not table.is_external and _words(comment) != _words(column.description):
        message = (
            f"{table.name}.{column.name} is described as {comment!r} in the model, but as {column.description!r} "
            "in its contract; let both say the same"
        )
        yield _at_model(table, project, "description", "warning", column.name, message)


def _words(text: str) -> str:
    return " ".join(text.split()).rstrip(".").casefold()


def _check_header(contract: type[Contract], table: ModelTable, project: Project) -> Iterator[Finding]:
    key = contract.terms().key
    if table.grain and set(table.grain) != set(key):
        message = f"the grain of {table.name} is {', '.join(table.grain)}, but its contract's key is {', '.join(key)}"
        yield _at_model(table, project, "grain", "error", "grain", message)
    if table.name not in table.audited_as:
        message = (
            f"{table.name} is not audited with its contract; add `contract_errors(of := {table.name})` to its audits"
        )
        yield _at_model(table, project, "audit", "warning", "audits", message)


def _at_model(table: ModelTable, project: Project, rule: str, level: Level, word: str, message: str) -> Finding:
    file, line = relative(table.path, project.root), line_of(table.path, word)
    return Finding(rule, level, table.name, message, file, line)


def _at_contract(
    contract: type[Contract], project: Project, rule: str, level: Level, column: str, message: str
) -> Finding:
    file, line = place_of(contract, project.root, column)
    return Finding(rule, level, contract.terms().name, message, file, line)


def known_columns(contracts: Sequence[type[Contract]]) -> Mapping[str, Mapping[str, Column]]:
    """Table -> column name -> column, of every contract."""
    return {contract.terms().name: {column.name: column for column in contract.columns()} for contract in contracts}
