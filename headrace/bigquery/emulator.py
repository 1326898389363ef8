"""The BigQuery emulator on this machine: set up in a virtual environment of its own, started, asked, stopped."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from headrace.arrivals import forget_builds
from headrace.config import Settings, read_config, read_gateway
from headrace.errors import HeadraceError
from headrace.warehouse import open_warehouse

REQUIREMENTS = (
    "bqemulator==1.4.0",
    "duckdb==1.5.5",
    "duckdb-extension-spatial==1.5.5",
    "duckdb-extensions==1.5.5",
    "numpy==2.4.6",
    "sqlglot==30.11.0",
    "sqlglotc==30.11.0",  # parses every statement many times over: compiled, a plan takes a third of the time
)
"""Its sqlglot is another than SQLMesh's: it cannot live in our environment."""
TABLES = "tables"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
ANSWER_SECONDS = 20.0
"""It answers nobody while it works on a statement."""


class EmulatorError(HeadraceError):
    """The emulator cannot be set up, started or stopped."""


@dataclass(frozen=True)
class Emulator:
    """Where the emulator is installed, where it keeps its data, and where it listens."""

    environment: Path
    folder: Path
    host: str
    port: int
    project: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def pid_file(self) -> Path:
        return self.folder / "emulator.pid"

    @property
    def log(self) -> Path:
        return self.folder / "emulator.log"

    @property
    def program(self) -> Path:
        return self.environment / "bin" / "bqemulator"


def emulator_of(settings: Settings) -> Emulator:
    """The emulator of a gateway of type bigquery_emulator; it must listen on this machine. Raises EmulatorError."""
    connection = settings.bigquery
    address = urlsplit((connection and connection.endpoint) or "")
    if connection is None or not address.hostname or not address.port:
        raise EmulatorError(f"gateway {settings.gateway} has no endpoint with host and port, as http://127.0.0.1:9050")
    environment = Path(os.environ.get("HEADRACE_EMULATOR_HOME") or settings.root / ".cache" / "emulator").resolve()
    return Emulator(environment, settings.data / "emulator", address.hostname, address.port, str(connection.project))


def forget(settings: Settings, emulator: Emulator) -> None:
    """Drop its tables, and what SQLMesh and our builds remember of them. It must not run."""
    shutil.rmtree(emulator.folder / TABLES, ignore_errors=True)
    state = read_gateway(read_config(settings.root), settings.gateway).get("state_connection", {}).get("database")
    for name in (state, f"{state}.wal") if state else ():
        (settings.data / str(name)).unlink(missing_ok=True)
    if settings.warehouse.is_file():
        with open_warehouse(settings, read_only=False) as backend:
            forget_builds(backend.con, settings.gateway)


def install(emulator: Emulator) -> bool:
    """Make the emulator's virtual environment; false where it is there already. Raises EmulatorError.

    Who comes while another makes it waits for that.
    """
    with _alone(emulator.environment.with_name(f"{emulator.environment.name}.lock")):
        return _install(emulator)


def _install(emulator: Emulator) -> bool:
    done = emulator.environment / "installed"
    wanted = "\n".join(REQUIREMENTS)
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return False
    python = emulator.environment / "bin" / "python"
    _run(sys.executable, "-m", "venv", "--clear", str(emulator.environment))
    _run(str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *REQUIREMENTS)
    # the extension comes as a package of the index too: nothing is downloaded from elsewhere
    _run(str(python), "-c", "from duckdb_extensions import import_extension; import_extension('spatial')")
    done.write_text(wanted, encoding="utf-8")
    return True


def start(emulator: Emulator, *, is_persistent: bool = True, before: Callable[[], None] | None = None) -> bool:
    """Start the emulator in the background and wait until it answers; false where it runs already.

    Persistent, it keeps its tables in its folder; else it forgets them when it stops. Who comes while another starts
    it waits for that; `before` is done first by the one who does. Raises EmulatorError.
    """
    with _alone(emulator.folder / "emulator.lock"):
        if is_healthy(emulator):
            return False
        _require_room(emulator)
        if before is not None:
            before()
        _start(emulator, is_persistent=is_persistent)
        return True


def _require_room(emulator: Emulator) -> None:
    """Raises EmulatorError where it cannot be started: it is not installed, or somebody has its place."""
    if not emulator.program.is_file():
        raise EmulatorError(f"the emulator is not installed in {emulator.environment}: `headrace emulator start`")
    if (pid := running(emulator)) is not None:
        raise EmulatorError(
            f"the emulator (process {pid}) runs, and has not answered for {ANSWER_SECONDS:g} s: wait until it is done "
            "with its statement, or end it by `headrace emulator stop`"
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((emulator.host, emulator.port))
        except OSError as error:
            raise EmulatorError(
                f"the emulator cannot listen on {emulator.url}: {error.strerror}: "
                "end the program that does, or set HEADRACE_EMULATOR to another address"
            ) from error


def _start(emulator: Emulator, *, is_persistent: bool) -> None:
    keeping = ("--persistent", "--data-dir", str(emulator.folder / TABLES)) if is_persistent else ("--ephemeral",)
    pid = _spawn(
        emulator,
        *keeping,
        *("--project", emulator.project, "--log-level", "warning"),
        *("--rest-host", emulator.host, "--rest-port", str(emulator.port), "--grpc-port", str(_free_port())),
    )
    emulator.pid_file.write_text(str(pid), encoding="utf-8")
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(emulator):
        if not _is_ours(pid, emulator) or time.monotonic() > deadline:
            stop(emulator)
            raise EmulatorError(f"the emulator did not start on {emulator.url}: see {emulator.log}")
        time.sleep(0.1)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process is within; the lock ends with the process that has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _spawn(emulator: Emulator, *options: str) -> int:
    """Its process lives on when ours ends, and in a group of its own Ctrl-C does not reach it."""
    log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        emulator.program,
        [str(emulator.program), "start", *options],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(emulator.log), log, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setpgroup=0,
    )


def stop(emulator: Emulator) -> bool:
    """Stop the emulator that `start` started, and wait for its end; false where none runs. Raises EmulatorError."""
    pid = running(emulator)
    emulator.pid_file.unlink(missing_ok=True)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_ours(pid, emulator):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return True
        time.sleep(0.05)
    return True


def running(emulator: Emulator) -> int | None:
    """The process of the emulator that `start` started, if it is still there."""
    try:
        pid = int(emulator.pid_file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_ours(pid, emulator) else None


def is_healthy(emulator: Emulator) -> bool:
    """Whether an emulator answers at the endpoint."""
    try:
        return httpx.get(f"{emulator.url}/healthz", timeout=ANSWER_SECONDS).is_success
    except httpx.HTTPError:
        return False


def _is_ours(pid: int, emulator: Emulator) -> bool:
    """Whether that process runs, and is the emulator: ids of processes come again."""
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done:
            return False
    except ChildProcessError:
        pass  # started by another process: nothing to collect
    found = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(emulator.environment) in found.stdout and "<defunct>" not in found.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise EmulatorError(f"the emulator could not be set up: {' '.join(command[:4])} ...: {' '.join(reason)}")
