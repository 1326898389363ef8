"""to_char: PostgreSQL's patterns of times in DuckDB's words, where it has one for a part, or else by hand."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from semantic.sqlapi.errors import NotSupported

_DIRECTIVES = {
    "YYYY": "%Y", "YY": "%y", "IYYY": "%G", "IW": "%V", "MM": "%m", "DD": "%d", "DDD": "%j", "HH24": "%H",
    "HH12": "%I", "HH": "%I", "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f", "ID": "%u",
}  # fmt: skip
_NAMES = {"MONTH": "%B", "MON": "%b", "DAY": "%A", "DY": "%a", "AM": "%p", "PM": "%p"}
_PADDED = ("MONTH", "DAY")
_COUNTED: dict[str, Callable[[exp.Expr], str]] = {
    "Q": lambda time: f"quarter({time.sql('duckdb')})",
    "D": lambda time: f"dayofweek({time.sql('duckdb')}) + 1",
    "W": lambda time: f"(day({time.sql('duckdb')}) - 1) // 7 + 1",
    "WW": lambda time: f"lpad(CAST((dayofyear({time.sql('duckdb')}) - 1) // 7 + 1 AS VARCHAR), 2, '0')",
}
_UNKNOWN = ("Y,YYY", "YYY", "IYY", "IY", "SSSSS", "SSSS", "TZH", "TZM", "TZ", "OF", "CC", "RM", "BC", "AD", "A.M.",
            "P.M.", "FF", "TH", "SP", "Y", "I", "J")  # fmt: skip
_WORDS = sorted((*_DIRECTIVES, *_NAMES, *_COUNTED, *_UNKNOWN), key=len, reverse=True)
_PATTERN = re.compile(rf'"([^"]*)"|(FM|TM)?({"|".join(map(re.escape, _WORDS))})|(.)', re.IGNORECASE | re.DOTALL)


def written(call: exp.Anonymous) -> exp.Expr:
    """The text that `to_char(time, pattern)` gives.

    Raises NotSupported for what is no pattern of a time: those of numbers, and parts that have no counterpart.
    """
    time, pattern = call.expressions if len(call.expressions) == 2 else (None, None)
    if not isinstance(pattern, exp.Literal) or not pattern.is_string or time is None:
        raise NotSupported("to_char takes a time and the text of a pattern here")
    if re.search("[09]", pattern.name):
        raise NotSupported("to_char of numbers is not supported: round() them, or format them in the client")
    pieces: list[exp.Expr] = []
    plain = ""
    for quoted, prefix, word, other in _PATTERN.findall(pattern.name):
        directive = _directive(word.upper(), prefix)
        if directive or not word:
            plain += directive or (quoted or other).replace("%", "%%")
            continue
        pieces += [_formatted(time, plain)] if plain else []
        plain = ""
        pieces.append(_piece(time, word, is_bare=bool(prefix)))
    pieces += [_formatted(time, plain)] if plain or not pieces else []
    text = pieces[0]
    for piece in pieces[1:]:
        text = exp.DPipe(this=text, expression=piece)
    return exp.Paren(this=text) if len(pieces) > 1 else text


def _directive(word: str, prefix: str) -> str:
    """The word of DuckDB's format for a number; FM takes leading zeros away."""
    directive = _DIRECTIVES.get(word, "")
    has_zeros = word not in ("YYYY", "IYYY", "MS", "US", "ID", "YY", "IW")
    return directive.replace("%", "%-") if prefix and has_zeros else directive


def _piece(time: exp.Expr, word: str, *, is_bare: bool) -> exp.Expr:
    upper = word.upper()
    if upper in _COUNTED:
        counted: exp.Expr = exp.maybe_parse(_COUNTED[upper](time), dialect="duckdb")
        return exp.cast(counted, "VARCHAR")
    if upper not in _NAMES:
        raise NotSupported(f'"{word}" in a pattern of to_char is not supported')
    name = _formatted(time, _NAMES[upper])
    if word == upper:
        name = exp.Upper(this=name)
    elif word == word.lower():
        name = exp.Lower(this=name)
    if upper in _PADDED and not is_bare:
        return exp.Anonymous(this="rpad", expressions=[name, exp.Literal.number(9), exp.Literal.string(" ")])
    return name


def _formatted(time: exp.Expr, text: str) -> exp.Expr:
    return exp.TimeToStr(this=time.copy(), format=exp.Literal.string(text))
