"""The business questions of semantic/questions.yml, each one query as REST and as SQL take it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from headrace.errors import ConfigError


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question in words, the source that it is about, and its query in both languages."""

    question: str
    source: str
    rest: dict[str, Any]
    sql: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    questions: tuple[Question, ...]


def load_questions(path: Path) -> tuple[Question, ...]:
    """Raises ConfigError that names the place of what is wrong."""
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File).questions
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
