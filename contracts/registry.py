"""Finds the contracts: every `Contract` with a layer and a table in the packages raw, core and marts."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from contracts.base import LAYERS, Contract
from contracts.errors import DeclarationError, UnknownContract


@cache
def all_contracts() -> tuple[type[Contract], ...]:
    """Every contract, ordered by layer (raw, core, marts) and table."""
    for layer in LAYERS:
        package = importlib.import_module(f"contracts.{layer}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found: dict[tuple[int, str], type[Contract]] = {}
    for contract in _subclasses(Contract):
        if contract.__terms__ is None or not contract.__module__.startswith("contracts."):
            continue
        place = (LAYERS.index(contract.terms().layer), contract.terms().table)
        if place in found:
            raise DeclarationError(
                f"{contract.terms().name} has two contracts: {found[place].__module__}.{found[place].__name__} "
                f"and {contract.__module__}.{contract.__name__}; keep one"
            )
        found[place] = contract
    return tuple(found[place] for place in sorted(found))


def contract_for(layer: str, table: str) -> type[Contract]:
    """The contract of a table; UnknownContract names those there are."""
    for contract in all_contracts():
        if (contract.terms().layer, contract.terms().table) == (layer, table):
            return contract
    known = ", ".join(one.terms().table for one in all_contracts() if one.terms().layer == layer)
    raise UnknownContract(f"no contract for {layer}.{table}; layer {layer} has: {known or 'none'}")


def _subclasses(contract: type[Contract]) -> list[type[Contract]]:
    return [found for direct in contract.__subclasses__() for found in (direct, *_subclasses(direct))]
