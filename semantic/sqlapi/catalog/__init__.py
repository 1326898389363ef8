"""The system catalog: what clients ask to find out which tables and columns there are."""

from semantic.sqlapi.catalog.database import Catalog

__all__ = ["Catalog"]
