"""What a check finds: one finding per fault, with its rule, its place and, for breaks, the measures it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]

RULES = {
    "contract-missing": "a core or mart table has no contract",
    "model-missing": "a contract is about a table that no model makes",
    "column-missing": "the model lacks a column of its contract",
    "column-undeclared": "the model has a column that its contract does not know",
    "column-type": "SQLMesh derives another type than the contract states",
    "column-untyped": "SQLMesh cannot derive the type of a column",
    "grain": "the model's grain is not the contract's key",
    "description": "the model's column comment is not the contract's description",
    "audit": "the model is not audited with its contract",
    "member-table": "a cube reads a table that has no contract",
    "member-column": "a member reads a column that its table's contract does not have",
    "member-type": "the type of a member does not fit its column",
    "member-unit": "the unit of a member is not its column's",
    "member-deprecated": "a member reads a deprecated column",
    "member-personal": "a public member shows personal or secret data",
    "member-description": "a member that is a column has no description",
    "member-stale": "a column's description changed, the member's did not",
    "data-model": "the data model cannot be read",
    "version": "a contract changed more than its version says",
    "breaking": "a breaking change",
    "retired-past": "a deprecated column is still there after its date",
    "data": "rows break their contract",
}
"""Rule -> what it means when it is broken."""


@dataclass(frozen=True)
class Finding:
    """One fault. `file` is relative to the project; `reach` names the measures that a break takes away or changes."""

    rule: str
    level: Level
    subject: str
    message: str
    file: str = ""
    line: int = 1
    reach: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The message with what it reaches."""
        return f"{self.message}; reaches {', '.join(self.reach)}" if self.reach else self.message
