"""The command line as its users run it: in a process of its own, or, where that changes nothing, in this one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from headrace.cli import main


def environ(data: Path) -> dict[str, str]:
    """The environment of a process that works on a data folder."""
    return {**os.environ, "HEADRACE_DATA": str(data)}


def headrace(*arguments: str, data: Path, code: int = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line on a data folder in a process of its own, and check its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "headrace", *arguments],
        env=environ(data),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"headrace {arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    stdout: str
    stderr: str


def run(*arguments: str, data: Path, code: int = 0, stdin: str = "") -> Said:
    """Run a short command in this process, which saves the second that a new one takes to start."""
    out, err = io.StringIO(), io.StringIO()
    changes = (
        mock.patch.dict(os.environ, environ(data)),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
    )
    with changes[0], changes[1], changes[2], changes[3]:
        try:
            main(arguments)
            found = 0
        except SystemExit as end:
            found = int(end.code or 0)
    said = Said(out.getvalue(), err.getvalue())
    assert found == code, f"headrace {arguments}: exit {found}\n{said.stdout}{said.stderr}"
    return said
