"""Tests that need PostgreSQL are collected where it is installed."""

from __future__ import annotations

from tests.postgresql import IS_INSTALLED

collect_ignore = [] if IS_INSTALLED else ["test_state.py"]
