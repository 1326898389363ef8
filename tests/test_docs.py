"""The documentation is held to the code.

Commands, options, settings, exit codes and paths that it names exist, and those that exist are documented.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml

from headrace import cli
from headrace.config import ServeSettings

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MADE = ("data/", ".venv", "lake/", "sample/")
"""What a user's machine has and the repository has not."""

COMMANDS = typer.main.get_command(cli.app)


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(text(page) for page in PAGES)


def command_names() -> set[str]:
    return set(getattr(COMMANDS, "commands", {}))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text(page)) if "://" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    roots = {path.name for path in ROOT.iterdir()}
    named = set(re.findall(r"`([\w.-]+/[\w./-]*)`", text(page)))
    ours = {name for name in named if name.split("/")[0] in roots and not name.startswith(MADE)}
    assert sorted(name for name in ours if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    commands = getattr(COMMANDS, "commands", {})
    for name, rest in re.findall(r"(?:^|[`\s/])(?<!from )headrace ([a-z][a-z-]*)([^`\n]*)", "\n".join(code(page))):
        assert name in commands, f"{page.name} names `headrace {name}`, which does not exist"
        options = {option for parameter in commands[name].params for option in parameter.opts}
        nested = set(getattr(commands[name], "commands", {}).values())
        options |= {option for command in nested for parameter in command.params for option in parameter.opts}
        given = set(re.findall(r"(?<!\S)(--[a-z-]+)", rest.split("&&")[0].split("|")[0]))
        assert given <= options | {"--help"}, f"{page.name}: `headrace {name}` takes no {given - options}"


def code(page: Path) -> list[str]:
    """Everything in backticks and code fences."""
    fences = re.findall(r"```\w*\n(.*?)```", text(page), flags=re.S)
    return fences + re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text(page), flags=re.S))


def test_every_command_is_documented() -> None:
    page = text(ROOT / "docs" / "command-line.md")
    assert [name for name in sorted(command_names()) if f"`headrace {name}" not in page] == []


def test_every_setting_is_documented() -> None:
    page = text(ROOT / "docs" / "command-line.md")
    fields = [
        field for field in ServeSettings.__struct_fields__ if not field.startswith(("api_", "sql_user", "sql_pass"))
    ]
    assert [name for name in fields if name not in page] == []
    sources = subprocess.run(["git", "grep", "-hoE", "HEADRACE_[A-Z_]+", "headrace", "semantic", "ingestion"],
                             cwd=ROOT, check=True, capture_output=True, text=True)  # fmt: skip
    variables = {name for name in sources.stdout.split() if not name.endswith("_")}
    assert sorted(name for name in variables if name not in page) == []


def test_variables_are_those_of_the_configuration() -> None:
    variables = yaml.safe_load(text(ROOT / "config.yaml"))["variables"]
    named = set(re.findall(r"`(lookback_days|session_\w+_seconds)`", everything()))
    assert named <= set(variables)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), flags=re.M))
    named = {name for page in PAGES for snippet in code(page) for name in re.findall(r"\bmake ([a-z-]+)", snippet)}
    assert named <= targets


def test_the_readme_is_short() -> None:
    assert len(text(ROOT / "README.md").splitlines()) < 150
