"""Contracts: the single statement of what each table is; see `contracts.base` for how one is written."""

from contracts.base import Column, Contract, Deprecation, LoadedTable, Terms, column, rule, to
from contracts.registry import all_contracts, contract_for
from contracts.rules import Freshness, Rows, warn
from contracts.types import Boolean, Day, Instant, Integer, Json, Number, Numeric, Text, Texts

__all__ = [
    "Boolean",
    "Column",
    "Contract",
    "Day",
    "Deprecation",
    "Freshness",
    "Instant",
    "Integer",
    "Json",
    "LoadedTable",
    "Number",
    "Numeric",
    "Rows",
    "Terms",
    "Text",
    "Texts",
    "all_contracts",
    "column",
    "contract_for",
    "rule",
    "to",
    "warn",
]
