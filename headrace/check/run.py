"""Runs the checks: without a warehouse unless asked for the data, against another revision if one is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache

from contracts.base import Contract
from contracts.errors import ContractError
from contracts.registry import all_contracts
from contracts.results import check_environment, write_results
from headrace.check.breaking import Lineage, check_changes, check_descriptions, check_public_members, check_retired
from headrace.check.findings import Finding
from headrace.check.members import check_members
from headrace.check.models import check_models, known_columns
from headrace.check.outputs import FORMATS
from headrace.check.places import place_of, relative
from headrace.check.revisions import checkout, contracts_in, data_model_in, lineage_in
from headrace.config import Settings
from headrace.errors import ProjectError
from headrace.lineage.build import graph_of
from headrace.project import Project, load_project
from headrace.warehouse import open_gateway
from semantic.datamodel.load import load_data_model
from semantic.datamodel.types import DataModel

PASSED, FAILED, BREAKING = 0, 1, 3
"""Exit codes: nothing wrong; something is wrong; only changes against the base revision are wrong."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found. `exit_code` is 0 (warnings and notes pass), 1 (errors) or 3 (only breaking changes)."""

    exit_code: int
    text: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Subject:
    settings: Settings
    contracts: tuple[type[Contract], ...]
    project: Project
    data_model: DataModel
    today: date

    @property
    def folder(self) -> str:
        return relative(self.settings.data_model, self.settings.root)


def run_check(
    settings: Settings,
    *,
    base: str | None = None,
    data: bool = False,
    fmt: str = "text",
    environment: str = "prod",
    today: date | None = None,
) -> CheckReport:
    """Check contracts, models and data model; against revision `base`, and the data of an environment, if asked.

    `fmt` is text, json, sarif or github. Raises ProjectError where something cannot be read at all.
    """
    if fmt not in FORMATS:
        raise ProjectError(f"there is no format {fmt}; take {', '.join(FORMATS)}")
    subject = _subject(settings, today or datetime.now(UTC).date())
    findings = tuple(_findings(subject, base, data, environment))
    scope = f"{len(subject.contracts)} contracts, {len(subject.project.tables)} tables, {_members(subject)} members"
    return CheckReport(exit_code(findings), FORMATS[fmt](findings, scope), findings)


def exit_code(findings: tuple[Finding, ...]) -> int:
    """0, 1 or 3, as `CheckReport` says."""
    broken = {one.rule for one in findings if one.level == "error"}
    if not broken:
        return PASSED
    return BREAKING if broken <= {"breaking", "version"} else FAILED


def _subject(settings: Settings, today: date) -> _Subject:
    try:
        contracts = all_contracts()
    except ContractError as error:
        raise ProjectError(f"the contracts cannot be read: {error}") from error
    data_model = load_data_model(settings.data_model, strict=False)
    return _Subject(settings, contracts, load_project(settings), data_model, today)


def _findings(subject: _Subject, base: str | None, data: bool, environment: str) -> Iterator[Finding]:
    columns = known_columns(subject.contracts)
    yield from check_models(subject.contracts, subject.project)
    yield from check_members(subject.data_model, columns, folder=subject.folder, today=subject.today)
    yield from check_retired(subject.contracts, root=subject.settings.root, today=subject.today)
    if base:
        yield from _check_base(subject, base)
    if data:
        yield from _check_data(subject, environment)


def _check_base(subject: _Subject, base: str) -> Iterator[Finding]:
    root = subject.settings.root
    with checkout(root, base) as folder:
        before = contracts_in(folder, base)

        lineage = Lineage(
            newer=cache(lambda: graph_of(subject.project, subject.data_model)),
            older=cache(lambda: lineage_in(folder, base)),
        )
        yield from check_changes(subject.contracts, before, lineage, root=root, today=subject.today)
        old = data_model_in(folder)
        columns = known_columns(subject.contracts)
        yield from check_public_members(old, subject.data_model, folder=subject.folder)
        yield from check_descriptions(old, subject.data_model, before, columns, folder=subject.folder)


def _check_data(subject: _Subject, environment: str) -> Iterator[Finding]:
    contracts = {contract.terms().name: contract for contract in subject.contracts}
    with open_gateway(subject.settings, read_only=False) as backend:
        report = check_environment(backend, environment=environment, now=datetime.now(UTC))
        write_results(backend, report)
    for result in (*report.errors, *report.warnings):
        table = f"{result.layer}.{result.table}"
        place = place_of(contracts[table], subject.settings.root, result.columns[0] if result.columns else None)
        level = "error" if result.severity == "error" else "warning"
        yield Finding("data", level, table, result.message, *place)  # type: ignore[arg-type]


def _members(subject: _Subject) -> int:
    cubes = subject.data_model.cubes.values()
    return sum(len(cube.measures) + len(cube.dimensions) + len(cube.segments) for cube in cubes)
