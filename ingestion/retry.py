"""Works off the quarantine: lists it, shows rows, and tries rows again after the data's contract was mended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import duckdb
from ibis.backends.duckdb import Backend

from headrace.config import Settings
from headrace.warehouse import open_warehouse
from ingestion import ledger, sql
from ingestion.batch import BatchResult, Identity, IngestReport, batch_id
from ingestion.commit import commit, prepare
from ingestion.declaration import Source, Table, known_sources, load_source
from ingestion.quarantine import SCHEMA, Rejected, RuleCount, quarantine_name, quarantined_tables
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming
from ingestion.staging import stage_batch

_RECORD = "record"
"""The rule of lines that are no records: they hold no values that could be judged again."""


def list_quarantine(settings: Settings, *, table: str | None = None) -> tuple[RuleCount, ...]:
    """Open rows, counted by table, rule and file, most first. `table` is a raw table's name."""
    with open_warehouse(settings, read_only=True) as backend:
        counts = [
            RuleCount(name, *row)
            for name in _chosen(backend.con, table)
            for row in backend.con.execute(
                "SELECT rule, source_file, count(*), min(row_number), max(quarantined_at) "
                f"FROM (SELECT *, unnest(rules) AS rule FROM {SCHEMA}.{sql.name(name)} WHERE resolved_at IS NULL) "
                "GROUP BY ALL"
            ).fetchall()
        ]
    return tuple(sorted(counts, key=lambda one: (-one.rows, one.table, one.rule, one.file)))


def show_quarantine(
    settings: Settings, table: str, *, rule: str | None = None, limit: int = 20
) -> tuple[Rejected, ...]:
    """Open rows of a raw table (that broke a rule), with reasons and original text, in the order of file and row."""
    with open_warehouse(settings, read_only=True) as backend:
        rows = [
            row
            for name in _chosen(backend.con, table)
            for row in backend.con.execute(
                "SELECT batch_id, source_file, row_number, line_number, reasons, rules, original, contract_version, "
                f"quarantined_at FROM {SCHEMA}.{sql.name(name)} WHERE resolved_at IS NULL "
                "AND ($rule IS NULL OR list_contains(rules, $rule)) ORDER BY source_file, row_number LIMIT $limit",
                {"rule": rule, "limit": limit},
            ).fetchall()
        ]
    return tuple(
        Rejected(table, batch, file, row, line, tuple(reasons), tuple(rules), original, version, at)
        for batch, file, row, line, reasons, rules, original, version, at in rows
    )


def retry_quarantine(
    settings: Settings, *, table: str | None = None, on_batch: Callable[[BatchResult], None] | None = None
) -> tuple[IngestReport, ...]:
    """Judge open rows again by the present contracts: those that keep them now are loaded, the others get new reasons.

    Lines that are no records stay: mend the file and ingest it again. Raises SchemaDrift and WarehouseBusy.
    """
    reports = []
    with open_warehouse(settings, read_only=False) as backend:
        ledger.create_ledger(backend.con)
        chosen = set(_chosen(backend.con, table))
        for source in map(load_source, known_sources()):
            results: list[BatchResult] = []
            for one in (one for one in source.tables.values() if one.contract in chosen):
                for result in _retry_table(backend, settings, source, one):
                    results.append(result)
                    if on_batch:
                        on_batch(result)
            if results:
                reports.append(IngestReport(source.name, tuple(results)))
    return tuple(reports)


def _retry_table(backend: Backend, settings: Settings, source: Source, table: Table) -> Iterator[BatchResult]:
    prepare(backend.con, table)
    waiting = backend.con.execute(
        "SELECT batch_id, any_value(source_file), list(row_number ORDER BY row_number)::VARCHAR, "
        f"list(DISTINCT json_keys(original)) FROM {quarantine_name(table)} "
        f"WHERE resolved_at IS NULL AND NOT list_contains(rules, '{_RECORD}') GROUP BY batch_id ORDER BY batch_id"
    ).fetchall()
    for batch, file, rows, keys in waiting:
        version = table.contract_class.terms().version
        content_hash = hashlib.sha256(f"{batch} {version} {rows}".encode()).hexdigest()
        identity = Identity(
            batch_id=batch_id(source.name, table.contract, content_hash),
            source=source.name,
            table=table.contract,
            file=file,
            location="",
            content_hash=content_hash,
            size_bytes=0,
            modified_ns=0,
            contract_version=version,
            loaded_at=ledger.next_instant(backend.con),
            watermark=ledger.watermark(backend.con, source.name, table.contract),
            retry_of=batch,
        )
        columns = tuple(dict.fromkeys(key for listed in keys for key in listed))
        staged = stage_batch(backend, settings.lake, iter([_rows(table, batch, columns)]), table, identity)
        yield commit(backend.con, settings.lake, staged, table).result


def _rows(table: Table, batch: str, columns: tuple[str, ...]) -> Incoming:
    values = ", ".join(f"original ->> {sql.text(_member(column))} AS {sql.name(column)}" for column in columns)
    return Incoming(
        f"SELECT {values}, row_number AS _row_number, NULL::BIGINT AS {LINES}, NULL::VARCHAR AS {FAULT}, "
        f"NULL::VARCHAR AS {FAULTY_TEXT} FROM {quarantine_name(table)} WHERE batch_id = {sql.text(batch)} "
        f"AND resolved_at IS NULL AND NOT list_contains(rules, '{_RECORD}') ORDER BY row_number",
        (*columns, "_row_number"),
    )


def _member(column: str) -> str:
    return f'$."{column}"'


def _chosen(connection: duckdb.DuckDBPyConnection, table: str | None) -> tuple[str, ...]:
    name = table.removeprefix("raw.") if table else None
    return tuple(one for one in quarantined_tables(connection) if name in (None, one))
