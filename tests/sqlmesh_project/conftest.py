"""The SQLMesh project itself, loaded once, without touching anybody's warehouse."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmesh import Context

PROJECT = Path(__file__).resolve().parents[2] / "sqlmesh_project"


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The project's models, audits and macros."""
    before = os.environ.get("HEADRACE_DATA")
    os.environ["HEADRACE_DATA"] = str(tmp_path_factory.mktemp("data"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = Context(paths=[PROJECT])
    yield context
    context.close()
    if before is None:
        del os.environ["HEADRACE_DATA"]
    else:
        os.environ["HEADRACE_DATA"] = before
