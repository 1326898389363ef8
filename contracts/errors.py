"""The exceptions of contracts.

ContractError
├── DeclarationError   a contract that contradicts itself or says too little
├── UnknownContract    no contract of that layer and table
├── ShapeError         a table lacks columns that its contract requires
└── InterchangeError   a document that is not an ODCS contract we can read
"""

from __future__ import annotations


class ContractError(Exception):
    """Anything wrong with a contract, as opposed to wrong data: data never raises, it is reported as violations."""


class DeclarationError(ContractError):
    """A contract class that contradicts itself or says too little; names the class and the column."""


class UnknownContract(ContractError):
    """No contract was declared for a layer and table."""


class ShapeError(ContractError):
    """A table lacks columns that its contract requires; names the table and every missing column."""


class InterchangeError(ContractError):
    """An ODCS document that lacks what a contract needs; names the path inside the document."""
