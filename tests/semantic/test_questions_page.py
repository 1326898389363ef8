"""docs/questions.md is semantic/questions.yml, written for people. HEADRACE_WRITE_DOCS=1 writes it anew."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "questions.md"
SOURCES = {
    "consent": "Consent",
    "web_funnel": "Web funnel",
    "intake": "Care intake",
    "rewards": "Offers, acquisition and fraud",
    "commerce": "Commerce",
    "quality": "Data quality",
}
HEAD = """# The business questions

Each is one query, in both languages. Ask them in SQL with `headrace query` or any PostgreSQL client on the SQL port,
in JSON with `headrace query` or `POST /cubejs-api/v1/load`. `headrace demo` asks them all, both ways, and compares the
answers.
"""


def page(questions: list[dict[str, Any]]) -> str:
    parts = [HEAD]
    for source, title in SOURCES.items():
        parts.append(f"\n## {title}\n")
        parts += [block(one) for one in questions if one["source"] == source]
    return "".join(parts)


def block(question: dict[str, Any]) -> str:
    rest = json.dumps(question["rest"], ensure_ascii=False)
    return f"\n### {question['question']}\n\n```sql\n{question['sql']}```\n\n```json\n{rest}\n```\n"


def test_the_page_shows_every_question() -> None:
    expected = page(yaml.safe_load((ROOT / "semantic" / "questions.yml").read_text(encoding="utf-8"))["questions"])
    if os.environ.get("HEADRACE_WRITE_DOCS"):
        PAGE.write_text(expected, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == expected
