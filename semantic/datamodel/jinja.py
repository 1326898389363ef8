"""YAML files written as Jinja templates."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from semantic.errors import Problem


def is_template(text: str) -> bool:
    """Whether a file uses Jinja at all."""
    return "{{" in text or "{%" in text


_MOST = 100_000


class _Ranges:
    """`range` for one rendering: all its numbers together are limited, or nested loops would go on for ever."""

    def __init__(self) -> None:
        self._left = _MOST

    def __call__(self, *bounds: int) -> range:
        numbers = range(*bounds)
        self._left -= len(numbers)
        if self._left < 0:
            raise TemplateError(f"all ranges of a template together may have {_MOST} numbers")
        return numbers


class _Sandbox(SandboxedEnvironment):
    """A sandbox in which products and powers stay small."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(value) if isinstance(value, (str, list, tuple)) else abs(value) for value in (left, right)]
        if sizes[1] > _MOST or sizes[0] * sizes[1] > _MOST**2 or (operator == "**" and sizes[1] > 64):
            raise TemplateError(f"`{operator}` would make something too large")
        return super().call_binop(context, operator, left, right)


def render(file: str, text: str, environ: Mapping[str, str] = os.environ) -> tuple[str, Problem | None]:
    """The rendered text, or the problem. Templates run in a sandbox; `env_var(name, default)` reads the environment.

    Lines of later problems count in the rendered text.
    """
    sandbox = _Sandbox(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    sandbox.globals["range"] = _Ranges()

    def env_var(name: str, default: str | None = None) -> str:
        value = environ.get(name, default)
        if value is None:
            raise TemplateError(f"environment variable {name} is not set and has no default")
        return value

    try:
        return sandbox.from_string(text).render(env_var=env_var, COMPILE_CONTEXT={"securityContext": {}}), None
    except TemplateError as error:
        line = getattr(error, "lineno", None) or 1
        return "", Problem(file, line, "", "jinja", f"does not render: {error.message or type(error).__name__}")
    except Exception as error:
        # A template is a program of the author's: whatever it raises is his problem, told as one.
        return "", Problem(file, 1, "", "jinja", f"does not render: {type(error).__name__}: {error}")
