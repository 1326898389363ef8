"""The demo answers every question over both APIs, and they agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.config import load_settings
from headrace.questions import load_questions
from tests.commandline import headrace

SOURCES = {"rewards", "intake", "consent", "web_funnel", "commerce", "quality"}


@pytest.mark.slow
def test_the_demo_asks_everything_over_rest_and_sql(data_folder: Path) -> None:
    questions = load_questions(load_settings().root / "semantic" / "questions.yml")
    assert {question.source for question in questions} == SOURCES
    done = headrace("demo", data=data_folder)
    assert f"{len(questions)} questions asked over REST and over SQL: {len(questions)} times both gave" in done.stderr
    for question in questions:
        assert question.question in done.stdout
    assert "What to try next" in done.stderr
