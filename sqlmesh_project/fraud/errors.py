"""Errors of the fraud review's rules.

FraudError
└── RulesError     a YAML file that does not declare rules: every mistake with its file and line
"""

from __future__ import annotations


class FraudError(Exception):
    """Base of everything that this package raises."""


class RulesError(FraudError):
    """A file that does not declare rules."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)
