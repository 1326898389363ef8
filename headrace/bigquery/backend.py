"""BigQuery as an Ibis backend over the gateway's client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ibis
from google.cloud import bigquery
from ibis.backends.bigquery import Backend
from ibis.backends.sql import SQLBackend

from headrace.bigquery.client import open_client
from headrace.bigquery.failures import told
from headrace.gateways import BigQueryConnection

_NONE: Any = object()
"""In place of a Storage API client, which Ibis would open with credentials of its own."""

_RESULTS = "_bqemu_anonymous"


@contextmanager
def open_backend(connection: BigQueryConnection) -> Iterator[SQLBackend]:
    """The project as an Ibis backend, closed at the end. Raises WarehouseError for what fails within."""
    client = open_client(connection)
    try:
        with told(connection):
            yield _connected(client, connection)
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _connected(client: bigquery.Client, connection: BigQueryConnection) -> SQLBackend:
    backend: Backend = ibis.bigquery.connect(client=client, storage_client=_NONE)
    backend.storage_client = None
    if connection.is_emulator:
        # Gap: it names a dataset for results that it does not have, and Ibis loads the rows it inserts into that
        client.create_dataset(_RESULTS, exists_ok=True)
    return backend
