"""Links beside a dimension: the dimension that Cube makes for each link, which holds its URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from semantic.datamodel.names import titleize
from semantic.datamodel.shapes import Record, Snippet
from semantic.datamodel.templates import url_encoded
from semantic.datamodel.types import Dimension

if TYPE_CHECKING:
    from semantic.datamodel.build import CubeBuilder


def link_name(dimension: str, link: str) -> str:
    """The name of the dimension that holds a link's URL."""
    return f"{dimension}___link_{link}_url"


def link_dimensions(builder: CubeBuilder, item: Record) -> Iterator[Dimension]:
    """A dimension per link of a dimension: the URL as a column of its own."""
    for link in item.get("links", ()):
        sql = builder.expression(Snippet(_url(link), link.place), f"{item.path}.links.{link['name']}.url")
        if sql is None:
            continue
        name = link_name(item["name"], link["name"])
        short_title = titleize(name)
        yield Dimension(
            cube=builder.name,
            name=name,
            place=link.place,
            title=f"{builder.title} {short_title}",
            short_title=short_title,
            public=item.get("public", item.get("shown", True)),
            meta=item.get("meta", {}),
            sql=sql,
            type="string",
            synthetic=True,
        )


def _url(link: Record) -> str:
    """The SQL of a link's URL: an expression, or the address of a dashboard, and its parameters."""
    board = link.get("dashboard")
    total = _plain(link["url"]) if board is None else _literal(f"/dashboard/{board}")
    for index, param in enumerate(link.get("params", ())):
        key = quote(param["key"], safe="-_.!~*'()")
        total += f" || {_literal(('&' if index else '?') + key + '=')} || {url_encoded(_plain(param['value']))}"
    return total


def _plain(text: str) -> str:
    """A snippet without the quotes of a Python f-string, in which Cube wants URLs of several parts."""
    for mark in ('f"', "f'"):
        if text.startswith(mark) and text.endswith(mark[1]):
            return text[2:-1]
    return text


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''").replace("{", "\\{").replace("}", "\\}") + "'"
