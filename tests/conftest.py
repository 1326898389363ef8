"""What all tests share: real exports when the machine has them, and Hypothesis kept small."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.commandline import headrace

settings.register_profile(
    "fast",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("long", max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on real exports run only where HEADRACE_EXPORTS names their folder."""
    if os.environ.get("HEADRACE_EXPORTS"):
        return
    without = [item for item in items if item.get_closest_marker("real_data")]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


@pytest.fixture(scope="session")
def real_exports() -> Path:
    """The folder with real exports: consent/, web_funnel/, intake/."""
    return Path(os.environ["HEADRACE_EXPORTS"]).resolve()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A data folder with the sample and a warehouse built from it by the command line, once for all test processes.

    Read it only; a test that writes takes `data_folder`.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "built"
    with (folder.parent / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            headrace("sample", data=folder)
            headrace("build", data=folder)
            (folder / "done").touch()
    return folder


@pytest.fixture
def data_folder(built: Path, tmp_path: Path) -> Path:
    """A copy of `built` to write to."""
    return Path(shutil.copytree(built, tmp_path / "data"))
