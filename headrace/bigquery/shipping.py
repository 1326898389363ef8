"""Ships what has landed to the gateway, where that is BigQuery."""

from __future__ import annotations

from headrace.bigquery.client import open_client
from headrace.bigquery.failures import told
from headrace.config import Settings
from headrace.terminal import Terminal
from ingestion.bigquery import Shipped, ship


def ship_landed(settings: Settings, terminal: Terminal, *, anew: bool = False) -> tuple[Shipped, ...]:
    """Bring raw tables, quarantine and ledger on the gateway up to those of the warehouse file.

    Does nothing on a gateway that reads the file itself. `anew` replaces all tables. Raises WarehouseError,
    IngestionError.
    """
    if settings.bigquery is None:
        return ()
    client = open_client(settings.bigquery)
    try:
        with told(settings.bigquery), terminal.progress() as progress:
            progress.add_task(f"shipping to {client.project}", total=None)
            shipped = ship(settings, client, anew=anew)
    finally:
        client.close()  # type: ignore[no-untyped-call]
    new = [one for one in shipped if one.is_new]
    if new:
        rows = [(one.table, one.rows, one.job_id) for one in new]
        terminal.table(f"Shipped to {client.project}", ("table", "rows", "job"), rows)
    return shipped
