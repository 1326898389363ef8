"""What the contracts promise about the tables of core and marts, as the compiler takes it."""

from __future__ import annotations

from functools import cache

from contracts.registry import all_contracts
from contracts.rules import NotNull
from semantic.never_null import NeverNull


@cache
def promised() -> NeverNull:
    """The columns that a contract lets hold no NULL, as an error and not as a warning."""
    return frozenset(
        (contract.terms().name, column.name)
        for contract in all_contracts()
        for column in contract.columns()
        if any(isinstance(rule, NotNull) and rule.severity == "error" for rule in column.rules)
    )
