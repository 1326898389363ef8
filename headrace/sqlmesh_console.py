"""SQLMesh's events shown on our progress display."""

from __future__ import annotations

from typing import Any

from rich.progress import Progress, TaskID
from sqlmesh.core.console import NoopConsole
from sqlmesh.core.scheduler import EvaluateNode
from sqlmesh.utils.date import to_date
from sqlmesh.utils.errors import AuditError, NodeAuditsErrors

from headrace.rollup_changes import OnComputed, computed


class ProgressConsole(NoopConsole):
    """One bar while models are computed; what failed and what was warned of is kept for the report."""

    def __init__(self, progress: Progress, on_computed: OnComputed | None = None) -> None:
        """`on_computed` hears of all that was computed, whether its audits hold or not."""
        self._progress = progress
        self._task: TaskID | None = None
        self._on_computed = on_computed
        self.failures: list[str] = []
        self.audits: list[tuple[str, AuditError]] = []
        """What failed its audits, and which: model and days, and the audit."""
        self.warnings: list[str] = []

    def start_evaluation_progress(self, batched_intervals: dict[Any, Any], *_: Any, **__: Any) -> None:
        total = sum(len(intervals) for intervals in batched_intervals.values())
        self._task = self._progress.add_task("computing models", total=total)

    def update_snapshot_evaluation_progress(self, snapshot: Any, interval: Any, *_: Any, **__: Any) -> None:
        if self._on_computed is not None and snapshot.is_model:
            self._on_computed(computed(snapshot, interval))
        if self._task is not None:
            name = snapshot.node.name if hasattr(snapshot, "node") else str(snapshot)
            self._progress.update(self._task, advance=1, description=f"computing {name}")

    def stop_evaluation_progress(self, success: bool = True) -> None:  # noqa: ARG002 - SQLMesh's signature
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def log_failed_models(self, errors: list[Any]) -> None:
        for error in errors:
            if isinstance(error.node, EvaluateNode) and isinstance(error.__cause__, NodeAuditsErrors):
                self.audits.extend((_place(error.node), one) for one in error.__cause__.errors)
                continue
            node = error.node[0] if isinstance(error.node, tuple) else error.node
            self.failures.append(f"{node}: {error.__cause__ or error}")

    def log_skipped_models(self, snapshot_names: set[str]) -> None:
        names = sorted(map(_model, snapshot_names))
        self.failures.extend(f"{name}: not computed, because one before it failed" for name in names)

    def show_linter_violations(self, violations: list[Any], model: Any, is_error: bool = False) -> None:
        if is_error:
            self.failures.extend(f"{model.name}: {one.rule.name}: {one.violation_msg}" for one in violations)

    def log_error(self, message: str, *_: Any, **__: Any) -> None:
        self.failures.append(message)

    def log_warning(self, short_message: str, *_: Any, **__: Any) -> None:
        self.warnings.append(short_message)


def _place(node: EvaluateNode) -> str:
    """A model, with the days that were computed."""
    return f"{_model(node.snapshot_name)}, {to_date(node.interval[0])} to {to_date(node.interval[1] - 1)}"


def _model(snapshot_name: str) -> str:
    """A model as people name it: without the catalog."""
    return snapshot_name.replace('"', "").split(".", 1)[-1]
