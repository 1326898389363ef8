"""Other compilers and engines, each in a virtual environment of its own under `.bench/`, timed by its own script."""

from __future__ import annotations

import json
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".bench"


@dataclass(frozen=True)
class Peer:
    """`script` lies in this folder and prints one JSON object: milliseconds by task name."""

    name: str
    requirements: tuple[str, ...]
    script: str


PEERS = (
    Peer("sidemantic 0.13.0", ("sidemantic==0.13.0", "pyyaml"), "time_sidemantic.py"),
    Peer("MetricFlow 0.213.0", ("metricflow==0.213.0",), "time_metricflow.py"),
)


CHDB = Peer("chDB 4.4.0", ("chdb==4.4.0", "pyarrow"), "time_chdb.py")


def measure(peer: Peer, *arguments: str) -> dict[str, list[float]] | str:
    """Milliseconds by task, or why the peer could not be measured. The arguments are the script's."""
    folder = FOLDER / peer.name.split()[0].lower()
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"cannot be installed ({done.stderr.strip().splitlines()[-1:]})"
        (folder / "ready").touch()
    done = subprocess.run(
        [python, "-W", "ignore", HERE / peer.script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    if done.returncode != 0:
        return f"fails ({done.stderr.strip().splitlines()[-1:]})"
    figures: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return figures
