"""YAML files written as Jinja templates."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import DictLoader, TemplateError, Undefined, UndefinedError, pass_eval_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from semantic.errors import Problem


def is_template(file: str, text: str) -> bool:
    """Whether a file is a Jinja template: by its name, or because it uses Jinja."""
    return file.endswith(".jinja") or "{{" in text or "{%" in text


_MOST = 100_000
# Around each text that a template writes, until it is known where in the YAML it stands.
_BEGIN, _END = "\ue0f0", "\ue0f1"
_WHOLE_VALUE = re.compile(rf"(?m)^(\s*(?:- +)*(?:[\w$]+: +)?(?:- +)*){_BEGIN}([^{_BEGIN}{_END}]*){_END}[ \t]*$")
_PYTHON = "functions of a Python file beside the data model, like globals.py, are not run here"


class _Missing(Undefined):
    """Something that is not there may be asked for (`{% if %}`, `default`), but not written."""

    def told(self) -> UndefinedError:
        return UndefinedError(self._undefined_message)


@pass_eval_context
def _written(_context: EvalContext, value: Any) -> Any:
    """What `{{ value }}` writes: JSON, which is YAML too; texts are marked. (With the context, constants come here as
    well.)"""
    if isinstance(value, Markup):
        return value
    if isinstance(value, _Missing):
        raise value.told()
    if isinstance(value, str):
        return Markup(_BEGIN + value.translate({ord(_BEGIN): None, ord(_END): None}) + _END)
    return Markup(json.dumps(value, ensure_ascii=False, default=str))


def _settled(rendered: str) -> str:
    """A text that is the whole value of its line is quoted, as in real Cube, so that no character of it is YAML;
    inside other text it stands as it is."""
    quoted = _WHOLE_VALUE.sub(lambda match: match[1] + json.dumps(match[2], ensure_ascii=False), rendered)
    return quoted.replace(_BEGIN, "").replace(_END, "")


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


def render(
    file: str, text: str, files: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> tuple[str, Problem | None]:
    """The rendered text, or the problem. Templates run in a sandbox; `env_var(name, default)` reads the environment.

    `files` are those that it may import and include, by their path in the data model's folder.
    Lines of later problems count in the rendered text.
    """
    sandbox = _Sandbox(
        loader=DictLoader(files), undefined=_Missing, keep_trailing_newline=True, autoescape=True, finalize=_written
    )
    sandbox.globals |= {
        "range": _Ranges(),
        "env_var": _environment(environ),
        "COMPILE_CONTEXT": {"securityContext": {}},
    }
    try:
        return _settled(sandbox.from_string(text).render()), None
    except TemplateError as error:
        line = getattr(error, "lineno", None) or 1
        said = error.message or type(error).__name__
        if isinstance(error, UndefinedError):
            said += f" ({_PYTHON})" if "securityContext" not in text else " (a data model is read once, for everybody)"
        return "", Problem(file, line, "", "jinja", f"does not render: {said}")
    except Exception as error:
        # A template is a program of the author's: whatever it raises is his problem, told as one.
        return "", Problem(file, 1, "", "jinja", f"does not render: {type(error).__name__}: {error}")


def _environment(environ: Mapping[str, str]) -> Callable[..., str]:
    def env_var(name: str, default: str | None = None) -> str:
        value = environ.get(name, default)
        if value is None:
            raise TemplateError(f"environment variable {name} is not set and has no default")
        return value

    return env_var
