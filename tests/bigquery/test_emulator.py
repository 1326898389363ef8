"""`headrace emulator` when things go wrong: it is started twice, killed, stopped twice, or its port is taken."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headrace.bigquery import emulator as emulators
from headrace.bigquery.client import open_client
from headrace.bigquery.emulator import Emulator, EmulatorError, is_healthy, running, start, stop
from tests.bigquery.loading import connection_to
from tests.bigquery.stub import Answer, refusing
from tests.commandline import environ, run


@pytest.fixture
def own(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """One that is installed, and does not run: of this test alone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("HEADRACE_EMULATOR", f"http://127.0.0.1:{port}")
    one = dataclasses.replace(emulator, folder=tmp_path / "data" / "emulator", port=port)
    yield one
    stop(one)


@pytest.mark.slow
def test_two_starts_at_once_start_one(own: Emulator, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "headrace", "emulator", "start", "--ephemeral"]
    both = [
        subprocess.Popen(command, env=environ(tmp_path / "data"), stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = sorted(" ".join(one.communicate(timeout=60)[1].split()) for one in both)
    assert [one.returncode for one in both] == [0, 0], said
    assert said[0].startswith(f"the emulator runs already at {own.url}")
    assert said[1].startswith(f"the emulator runs at {own.url}")
    assert running(own)
    assert is_healthy(own)


@pytest.mark.slow
def test_a_killed_emulator_is_started_again_with_its_tables(own: Emulator, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert start(own)
    with closing(open_client(connection_to(own))) as client:
        client.create_dataset("kept")
        client.query("CREATE TABLE kept.one AS SELECT 1 AS number").result()
    killed = running(own)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while running(own) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert own.pid_file.exists(), "what is left of it names a process that is no more"
    assert "no emulator answers" in run("emulator", "status", data=data, code=1).stdout
    assert f"the emulator runs at {own.url}" in " ".join(run("emulator", "start", data=data).stderr.split())
    with closing(open_client(connection_to(own))) as client:
        assert [row.number for row in client.query("SELECT number FROM kept.one").result()] == [1]
    assert "the emulator has stopped" in run("emulator", "stop", data=data).stderr
    assert "no emulator was started from here" in run("emulator", "stop", data=data).stderr


def test_a_process_that_has_got_the_id_of_a_dead_emulator_is_let_alone(own: Emulator) -> None:
    own.folder.mkdir(parents=True)
    own.pid_file.write_text(str(os.getpid()), encoding="utf-8")
    assert running(own) is None
    assert not stop(own)
    own.pid_file.write_text("no number", encoding="utf-8")
    assert running(own) is None


def test_a_port_that_is_taken(own: Emulator, tmp_path: Path) -> None:
    with refusing(Answer(404, "notFound", "not here")) as other:
        taken = dataclasses.replace(own, port=int(other.url.rpartition(":")[2]))
        with pytest.raises(EmulatorError, match=r"cannot listen on .*: Address already in use: end the program"):
            start(taken)
    assert running(taken) is None


@pytest.mark.slow
def test_one_that_does_not_answer(own: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(own, is_persistent=False)
    pid = running(own)
    assert pid is not None
    monkeypatch.setattr(emulators, "ANSWER_SECONDS", 0.3)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(EmulatorError, match=rf"\(process {pid}\) runs, and has not answered for 0\.3 s"):
            start(own)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert stop(own)


def test_an_emulator_that_was_never_installed(own: Emulator, tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="is not installed in"):
        start(dataclasses.replace(own, environment=tmp_path / "nothing"))
