"""Other semantic compilers, each in a virtual environment of its own under `.bench/`, timed by a script of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".bench"


@dataclass(frozen=True)
class Peer:
    """`script` prints one JSON object: milliseconds by task name."""

    name: str
    requirements: tuple[str, ...]
    script: str


PEERS: tuple[Peer, ...] = ()


def measure(peer: Peer) -> dict[str, list[float]] | str:
    """Milliseconds by task, or why the peer could not be measured."""
    folder = FOLDER / peer.script.removesuffix(".py")
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"cannot be installed ({done.stderr.strip().splitlines()[-1:]})"
        (folder / "ready").touch()
    script = ROOT / "benchmarks" / "peers_scripts" / peer.script
    done = subprocess.run([python, script], capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        return f"fails ({done.stderr.strip().splitlines()[-1:]})"
    figures: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    sys.exit("run benchmarks/compile_bench.py")
