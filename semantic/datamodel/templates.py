"""SQL snippets: text with `{references}` to a tree whose placeholder columns stand for them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from semantic.datamodel.types import Place, Reference, Sql

PLACEHOLDER = "headrace_ref_"


class TemplateError(ValueError):
    """A snippet that cannot be read: `rule` names why."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Mention:
    """What stands between braces, taken apart: dotted names, and the calls among them with their arguments."""

    text: str
    names: tuple[str, ...]
    call: str | None = None
    arguments: tuple[str | Mention, ...] = ()


def split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The literal parts of a snippet and the mentions between them (always one fewer). `\\{` is a literal brace."""
    literals: list[str] = []
    mentions: list[str] = []
    current: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and text[position + 1 : position + 2] in ("{", "}"):
            current.append(text[position + 1])
            position += 2
        elif char == "{":
            end = _closing(text, position)
            literals.append("".join(current))
            mentions.append(text[position + 1 : end].strip())
            current = []
            position = end + 1
        else:
            current.append(char)
            position += 1
    literals.append("".join(current))
    return tuple(literals), tuple(mentions)


def _closing(text: str, start: int) -> int:
    depth = 0
    quote = ""
    for position in range(start, len(text)):
        char = text[position]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and depth > 0:
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return position
    raise TemplateError("unbalanced_braces", "a `{` is never closed; write `\\{` for a brace that is not a reference")


def parse_mention(text: str) -> Mention:
    """Take `orders.created_at.month` or `FILTER_PARAMS.orders.status.filter('status')` apart."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise TemplateError("bad_reference", f"`{{{text}}}` is not a reference to a cube or a member") from None
    return _mention(tree, text)


def _mention(node: ast.expr, text: str) -> Mention:
    if isinstance(node, ast.Call):
        target = _mention(node.func, text)
        if node.keywords or target.call:
            raise TemplateError("bad_reference", f"`{{{text}}}`: this call is not understood")
        arguments = tuple(_argument(argument, text) for argument in node.args)
        if len(target.names) == 1:
            return Mention(text, (), target.names[0], arguments)
        return Mention(text, target.names[:-1], target.names[-1], arguments)
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise TemplateError("bad_reference", f"`{{{text}}}` is not a reference to a cube or a member")
    return Mention(text, (node.id, *reversed(names)))


def _argument(node: ast.expr, text: str) -> str | Mention:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Constant):
        raise TemplateError("bad_reference", f"`{{{text}}}`: an argument must be a text or a reference")
    return _mention(node, text)


Resolve = Callable[[Mention, str], Reference]


def parse_expression(text: str, place: Place, resolve: Resolve, *, dialect: str) -> Sql:
    """A scalar or aggregate expression. `resolve` turns a mention and its placeholder's name into a reference.

    Raises TemplateError when the text is not one SQL expression.
    """
    body, references = _with_placeholders(text, resolve, dialect)
    tree = _parse(f"SELECT {body}", dialect)
    expressions = tree.expressions if isinstance(tree, exp.Select) else []
    if len(expressions) != 1 or any(tree.args.get(key) for key in _CLAUSES):
        raise TemplateError("sql_expression", f"`{text}` is not one SQL expression")
    expression = expressions[0]
    if isinstance(expression, (exp.Alias, exp.Star)):
        raise TemplateError("sql_expression", f"`{text}` is not one SQL expression without an alias")
    expression.pop()
    return Sql(text, place, expression, references)


_CLAUSES = ("from_", "from", "where", "group", "having", "order", "limit", "offset", "joins", "with_", "with",
            "distinct", "qualify", "windows", "into", "laterals")  # fmt: skip


def parse_select(text: str, place: Place, resolve: Resolve, *, dialect: str) -> Sql:
    """A whole SELECT statement (a cube's `sql`). Raises TemplateError for anything else."""
    body, references = _with_placeholders(text.strip().rstrip(";"), resolve, dialect)
    tree = _parse(body, dialect)
    if not isinstance(tree, exp.Query):
        raise TemplateError("sql_select", "must be one SELECT statement")
    return Sql(text, place, tree, references)


@lru_cache(maxsize=4096)
def parse_argument(text: str, dialect: str) -> exp.Expr:
    """The column expression inside `.filter('...')`; copy it before changing it. Raises TemplateError."""
    tree = _parse(f"SELECT {text}", dialect)
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        raise TemplateError("sql_expression", f"`{text}` is not one SQL expression")
    expression: exp.Expr = tree.expressions[0].pop()
    return expression


def _with_placeholders(text: str, resolve: Resolve, dialect: str) -> tuple[str, Mapping[str, Reference]]:
    literals, mentions = split(text)
    references: dict[str, Reference] = {}
    parts = [literals[0]]
    for number, (mention, literal) in enumerate(zip(mentions, literals[1:], strict=True)):
        name = f"{PLACEHOLDER}{number}"
        references[name] = resolve(parse_mention(mention), name)
        if references[name].argument:
            parse_argument(references[name].argument, dialect)
        # A string literal glued to a brace would hide the reference from the parser and send it to the database.
        parts += [name, literal]
    body = "".join(parts)
    if re.search(rf"'[^']*{PLACEHOLDER}\d+[^']*'", body):
        _refuse_quoted(body)
    return body, references


def _refuse_quoted(body: str) -> None:
    for token in sqlglot.tokenize(body, read="duckdb"):
        if token.token_type == sqlglot.TokenType.STRING and PLACEHOLDER in token.text:
            raise TemplateError(
                "reference_in_string", "a reference stands inside a string literal; concatenate instead"
            )


def _parse(text: str, dialect: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, read=dialect)
    except (SqlglotError, RecursionError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TemplateError(
            "sql_syntax", f"does not parse as {dialect} SQL: {re.sub(chr(27) + '.*?m', '', reason)}"
        ) from None
    if len(trees) != 1 or trees[0] is None:
        raise TemplateError("sql_syntax", "must be exactly one SQL expression")
    return trees[0]
