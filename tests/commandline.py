"""The command line as its users run it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def headrace(*arguments: str, data: Path, code: int = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line on a data folder in a process of its own, and check its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "headrace", *arguments],
        env={**os.environ, "HEADRACE_DATA": str(data)},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"headrace {arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done
