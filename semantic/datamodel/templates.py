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

from semantic.datamodel.types import Callback, Place, Reference, Sql

PLACEHOLDER = "headrace_ref_"
ARGUMENT = "headrace_arg_"
LOCAL_TIME = "headrace_local"


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
    arguments: tuple[str | Callback | Mention, ...] = ()


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


def _argument(node: ast.expr, text: str) -> str | Callback | Mention:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_joined(part, text) for part in node.values)
    if isinstance(node, ast.Lambda):
        names = [argument.arg for argument in node.args.args]
        return Callback(len(names), _body(node.body, names, text))
    if isinstance(node, ast.Constant):
        raise TemplateError("bad_reference", f"`{{{text}}}`: an argument must be a text or a reference")
    return _mention(node, text)


def _joined(part: ast.expr, text: str) -> str:
    """A part of an f-string, with the braces of its references."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, (ast.Name, ast.Attribute)):
        return "{" + ".".join(_mention(part.value, text).names) + "}"
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Set) and len(part.value.elts) == 1:
        return "{" + ".".join(_mention(part.value.elts[0], text).names) + "}"
    raise TemplateError("bad_reference", f"`{{{text}}}`: only names may stand in the braces of a text")


def _body(node: ast.expr, names: list[str], text: str) -> str:
    """What a lambda returns: texts, f-strings over its parameters, and sums of them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return f"{ARGUMENT}{names.index(node.id)}"
    if isinstance(node, ast.JoinedStr):
        return "".join(_body(part, names, text) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _body(node.value, names, text)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _body(node.left, names, text) + _body(node.right, names, text)
    message = f"`{{{text}}}`: a lambda returns a text, an f-string over its parameters, or a sum of them"
    raise TemplateError("bad_reference", message)


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
    return Sql(text, place, expression, references, LOCAL_TIME in body)


_CLAUSES = ("from_", "from", "where", "group", "having", "order", "limit", "offset", "joins", "with_", "with",
            "distinct", "qualify", "windows", "into", "laterals")  # fmt: skip


def parse_select(text: str, place: Place, resolve: Resolve, *, dialect: str) -> Sql:
    """A whole SELECT statement (a cube's `sql`). Raises TemplateError for anything else."""
    body, references = _with_placeholders(text.strip().rstrip(";"), resolve, dialect)
    tree = _parse(body, dialect)
    if not isinstance(tree, exp.Query) or any(not select.expressions for select in tree.find_all(exp.Select)):
        raise TemplateError("sql_select", "must be one SELECT statement, with what it selects")
    return Sql(text, place, tree, references, LOCAL_TIME in body)


@lru_cache(maxsize=4096)
def parse_argument(argument: str | Callback, dialect: str) -> exp.Expr:
    """The column expression inside `.filter('...')`, or a callback's SQL; copy it before changing it. Raises
    TemplateError."""
    text = argument if isinstance(argument, str) else argument.text
    tree = _parse(f"SELECT {text}", dialect)
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        raise TemplateError("sql_expression", f"`{text}` is not one SQL expression")
    expression: exp.Expr = tree.expressions[0].pop()
    return expression


def _with_placeholders(text: str, resolve: Resolve, dialect: str) -> tuple[str, Mapping[str, Reference]]:
    references: dict[str, Reference] = {}
    body = _filled(text, references, resolve)
    for reference in references.values():
        for part in (reference, *reference.members):
            if part.argument:
                parse_argument(part.argument, dialect)
    # A string literal glued to a brace would hide the reference from the parser and send it to the database.
    if re.search(rf"'[^']*{PLACEHOLDER}\d+[^']*'", body):
        _refuse_quoted(body)
    return body, references


def _filled(text: str, references: dict[str, Reference], resolve: Resolve) -> str:
    """The text with a placeholder per mention; the calls of SQL_UTILS are put as SQL."""
    literals, mentions = split(text)
    parts = [literals[0]]
    for written, literal in zip(mentions, literals[1:], strict=True):
        mention = parse_mention(written)
        if mention.names == ("SQL_UTILS",):
            parts.append(_utility(mention, references, resolve))
        else:
            name = f"{PLACEHOLDER}{len(references)}"
            references[name] = resolve(mention, name)
            parts.append(name)
        parts.append(literal)
    return "".join(parts)


def _utility(mention: Mention, references: dict[str, Reference], resolve: Resolve) -> str:
    argument = mention.arguments[0] if len(mention.arguments) == 1 else None
    if isinstance(argument, Mention) and argument.call is None:
        argument = "{" + ".".join(argument.names) + "}"
    if isinstance(argument, str) and mention.call in ("convertTz", "convert_tz"):
        return f"{LOCAL_TIME}({_filled(argument, references, resolve)})"
    if isinstance(argument, str) and mention.call in ("urlEncode", "url_encode"):
        return url_encoded(_filled(argument, references, resolve))
    raise TemplateError("bad_reference", f"`{{{mention.text}}}`: SQL_UTILS has convertTz(column) and urlEncode(text)")


# What may not stand in a URL as it is; the percent sign first, or it would escape the others' escapes.
_ESCAPED = (("%", "%25"), ("&", "%26"), ("=", "%3D"), ("+", "%2B"), (" ", "%20"))


def url_encoded(sql: str) -> str:
    """SQL that encodes the text of other SQL for a URL."""
    total = f"CAST({sql} AS TEXT)"
    for char, escape in _ESCAPED:
        total = f"REPLACE({total}, '{char}', '{escape}')"
    return total


def _refuse_quoted(body: str) -> None:
    try:
        tokens = sqlglot.tokenize(body, read="duckdb")
    except SqlglotError as error:
        raise _unreadable(error, "duckdb") from None
    for token in tokens:
        if token.token_type == sqlglot.TokenType.STRING and PLACEHOLDER in token.text:
            raise TemplateError(
                "reference_in_string", "a reference stands inside a string literal; concatenate instead"
            )


def _unreadable(error: Exception, dialect: str) -> TemplateError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return TemplateError("sql_syntax", f"does not parse as {dialect} SQL: {re.sub(chr(27) + '.*?m', '', reason)}")


def _parse(text: str, dialect: str) -> exp.Expr:
    if "\0" in text:
        raise TemplateError("sql_syntax", "has a NUL character in it, which ends a text for databases")
    try:
        trees = sqlglot.parse(text, read=dialect)
    except (SqlglotError, RecursionError, ValueError, IndexError) as error:
        raise _unreadable(error, dialect) from None
    if len(trees) != 1 or trees[0] is None:
        raise TemplateError("sql_syntax", "must be exactly one SQL expression")
    return trees[0]
