"""Errors of funnel declarations.

FunnelError
└── DeclarationError     a YAML file that does not declare a funnel: every mistake with its file and line
"""

from __future__ import annotations


class FunnelError(Exception):
    """Base of everything that this package raises."""


class DeclarationError(FunnelError):
    """A file that does not declare a funnel."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)
