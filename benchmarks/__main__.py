"""`make bench`: every benchmark beside this file, or those named: `python -m benchmarks wire`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    """Run the scripts one after another, each in a process of its own; the number of those that failed."""
    scripts = {path.stem.removesuffix("_bench"): path for path in sorted(HERE.glob("*_bench.py"))}
    if unknown := [name for name in names if name not in scripts]:
        sys.exit(f"no benchmark {', '.join(unknown)}; known: {', '.join(scripts)}")
    failed = 0
    for name in names or scripts:
        print(f"\n== {name}", flush=True)
        failed += subprocess.run([sys.executable, str(scripts[name])], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
