"""The errors that the command line and the connection to the warehouse raise.

HeadraceError            a message for people; `exit_code` is what the command line ends with
├── ConfigError          config.yaml or the environment says something that cannot be
├── WarehouseError       the warehouse cannot be opened or read
│   ├── WarehouseBusy    another process holds the warehouse file
│   ├── QueryFailed      the engine refused a query, or broke it off: its message
│   └── QueryInterrupted a query was stopped on purpose
├── BuildError           a build stopped: ingestion, models or contracts
└── ProjectError         the project cannot be read for a check or for lineage: models, contracts or a git revision
"""

from __future__ import annotations


class HeadraceError(Exception):
    """A failure that the user can act on: its text says what, where and what to do."""

    exit_code = 1


class ConfigError(HeadraceError):
    exit_code = 2


class WarehouseError(HeadraceError):
    pass


class WarehouseBusy(WarehouseError):
    exit_code = 75  # EX_TEMPFAIL: try again


class QueryFailed(WarehouseError):
    pass


class QueryInterrupted(WarehouseError):
    pass


class BuildError(HeadraceError):
    pass


class ProjectError(HeadraceError):
    exit_code = 2
