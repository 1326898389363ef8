"""What is marked as not working has to fail, and is reported when it does not."""

from __future__ import annotations

import pytest

MARKS = ("notimpl", "notyet", "never")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in MARKS:
            for mark in item.iter_markers(name):
                item.add_marker(pytest.mark.xfail(reason=f"{name}: {mark.args[0]}", strict=True))
