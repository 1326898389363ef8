"""A PostgreSQL server of our own, for tests; Debian's package has the programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IS_INSTALLED = shutil.which("initdb") is not None


@contextmanager
def postgresql() -> Iterator[str]:
    """A URL of an empty database; the server stops at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]
        data = Path(folder) / "data"
        subprocess.run(
            [*as_user, "initdb", "-D", str(data), "-U", "shop", "-A", "trust"], check=True, capture_output=True
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        control = [*as_user, "pg_ctl", "-D", str(data), "-w", "-l", str(Path(folder) / "log")]
        subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True)
        try:
            yield f"postgresql://shop:secret@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
