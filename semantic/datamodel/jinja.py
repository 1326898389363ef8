"""YAML files written as Jinja templates."""

from __future__ import annotations

import os
from collections.abc import Mapping

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from semantic.errors import Problem


def is_template(text: str) -> bool:
    """Whether a file uses Jinja at all."""
    return "{{" in text or "{%" in text


def render(file: str, text: str, environ: Mapping[str, str] = os.environ) -> tuple[str, Problem | None]:
    """The rendered text, or the problem. Templates run in a sandbox; `env_var(name, default)` reads the environment.

    Lines of later problems count in the rendered text.
    """
    sandbox = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)

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
