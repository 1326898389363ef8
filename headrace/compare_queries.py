"""What a comparison asks of the engine, in SQL that DuckDB and BigQuery read alike but for the names of two types.

Every query stands on the same join: both sides, full, on the key. In it columns are numbered (`k1`, `l1`, `r1`), so
that no column's own name can be in the way. Only aggregates and the rows of a sample leave the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
from sqlglot import exp

from headrace.warehouse import Dialect

Family = Literal["number", "text", "boolean", "time", "local time", "date", "bytes", "nested", "other"]
"""Types within a family can be compared as they are; others are compared as texts."""

_NAMES: Mapping[Dialect, Mapping[str, str]] = {
    "duckdb": {"float": "DOUBLE", "wide": "HUGEINT", "json": "CAST(TO_JSON({}) AS STRING)"},
    "bigquery": {"float": "FLOAT64", "wide": "NUMERIC", "json": "TO_JSON_STRING({})"},
}
_LARGEST = "1.7976931348623157e308"
"""The largest finite number: what is further apart is not near, however large the two are."""
_TESTS: tuple[tuple[Family, tuple[str, ...]], ...] = (
    ("number", ("is_integer", "is_floating", "is_decimal")),
    ("text", ("is_string", "is_large_string", "is_dictionary")),
    ("boolean", ("is_boolean",)),
    ("date", ("is_date",)),
    ("bytes", ("is_binary", "is_large_binary")),
    ("nested", ("is_list", "is_large_list", "is_struct", "is_map")),
)


@dataclass(frozen=True)
class Column:
    """A column as one side has it."""

    name: str
    type: pa.DataType

    @property
    def family(self) -> Family:
        if pa.types.is_timestamp(self.type):
            return "time" if self.type.tz else "local time"
        tests = ((family, getattr(pa.types, name)) for family, names in _TESTS for name in names)
        return next((family for family, is_of in tests if is_of(self.type)), "other")

    @property
    def is_inexact(self) -> bool:
        """Whether sums depend on the order of the rows."""
        return bool(pa.types.is_floating(self.type))


@dataclass(frozen=True)
class Pair:
    """A column that both sides have."""

    left: Column
    right: Column

    @property
    def name(self) -> str:
        return self.left.name

    @property
    def is_number(self) -> bool:
        return self.left.family == self.right.family == "number"

    @property
    def is_mixed(self) -> bool:
        """Whether the sides hold different kinds of values, to be compared as texts."""
        return self.left.family != self.right.family

    @property
    def is_inexact(self) -> bool:
        return self.left.is_inexact or self.right.is_inexact

    @property
    def is_integer(self) -> bool:
        return all(bool(pa.types.is_integer(one.type)) for one in (self.left, self.right))

    @property
    def integer(self) -> str:
        """The side of integers, l or r, where the other one has floats, which do not hold all of them; else nothing."""
        if pa.types.is_integer(self.left.type) and self.right.is_inexact:
            return "l"
        return "r" if pa.types.is_integer(self.right.type) and self.left.is_inexact else ""


@dataclass(frozen=True)
class Queries:
    """The SQL of one comparison. `places` are (schema or "", table) of the two sides."""

    dialect: Dialect
    places: tuple[tuple[str, str], tuple[str, str]]
    key: tuple[Pair, ...]
    pairs: tuple[Pair, ...]
    tolerance: float

    def broken_key(self, side: int) -> str:
        """One row: values of the key that are there more than once, rows in which it is NULL, one such value."""
        names = [self._key_value(pair, side) for pair in self.key]
        nulls = " OR ".join(f"{name} IS NULL" for name in names)
        listed = ", ".join(names)
        example = " || ', ' || ".join(f"COALESCE(CAST({name} AS STRING), 'NULL')" for name in names)
        return (
            "SELECT COUNT(CASE WHEN row_count > 1 AND NOT is_empty THEN 1 END) AS twice,"
            " COALESCE(SUM(CASE WHEN is_empty THEN row_count END), 0) AS nulls,"
            " MIN(CASE WHEN row_count > 1 OR is_empty THEN example END) AS example"
            f" FROM (SELECT COUNT(*) AS row_count, {nulls} AS is_empty, {example} AS example"
            f" FROM {self.table(side)} GROUP BY {listed}) AS counted"
        )

    def summary(self) -> str:
        """One row: the four counts of rows, then per pair `totals` (of numbers), `counts` of differences."""
        columns = [
            "COUNT(CASE WHEN in_left THEN 1 END) AS left_rows",
            "COUNT(CASE WHEN in_right THEN 1 END) AS right_rows",
            "COUNT(CASE WHEN in_left AND NOT in_right THEN 1 END) AS only_left",
            "COUNT(CASE WHEN in_right AND NOT in_left THEN 1 END) AS only_right",
        ]
        for number, pair in enumerate(self.pairs, 1):
            columns += self._differences(number, pair)
        return f"{self._compared()} SELECT {', '.join(columns)} FROM compared"

    def differing(self, number: int, size: int) -> str:
        """The first rows, by key, in which a pair differs: its values, then the key's."""
        pair = self.pairs[number - 1]
        values = f"{self._shown(f'l{number}', pair)} AS l, {self._shown(f'r{number}', pair)} AS r"
        return (
            f"{self._compared(number)} SELECT {values}, {self._shown_keys()} FROM compared"
            f" WHERE in_left AND in_right AND {self._differs(number)} ORDER BY {self._keys()} LIMIT {size}"
        )

    def missing(self, side: int, size: int) -> str:
        """The first keys, in their order, that a side has and the other has not."""
        has, lacks = ("in_left", "in_right") if side == 0 else ("in_right", "in_left")
        return (
            f"{self._compared(0)} SELECT {self._shown_keys()} FROM compared WHERE {has} AND NOT {lacks}"
            f" ORDER BY {self._keys()} LIMIT {size}"
        )

    def table(self, side: int) -> str:
        return table_sql(self.places[side], self.dialect)

    def _keys(self) -> str:
        return ", ".join(f"compared.k{number}" for number, _ in enumerate(self.key, 1))

    def _shown_keys(self) -> str:
        return ", ".join(f"{self._shown(f'k{number}', pair)} AS k{number}" for number, pair in enumerate(self.key, 1))

    def _compared(self, only: int | None = None) -> str:
        """The join; `only`: with the values of that pair, or with 0 of none, so that nothing else is read."""
        numbered = [one for one in enumerate(self.pairs, 1) if only in (None, one[0])]
        keys = [f"COALESCE(l.k{number}, r.k{number}) AS k{number}" for number, _ in enumerate(self.key, 1)]
        values = [f"l.c{number} AS l{number}, r.c{number} AS r{number}" for number, _ in numbered]
        left, right = (self._side(side, numbered) for side in (0, 1))
        on = " AND ".join(f"l.k{number} = r.k{number}" for number, _ in enumerate(self.key, 1))
        columns = ["l.k1 IS NOT NULL AS in_left", "r.k1 IS NOT NULL AS in_right", *keys, *values]
        joined = f"({left}) AS l FULL JOIN ({right}) AS r ON {on}"
        return f"WITH compared AS (SELECT {', '.join(columns)} FROM {joined})"

    def _side(self, side: int, numbered: Sequence[tuple[int, Pair]]) -> str:
        columns = [f"{self._key_value(pair, side)} AS k{number}" for number, pair in enumerate(self.key, 1)]
        columns += [f"{self._value(pair, side)} AS c{number}" for number, pair in numbered]
        return f"SELECT {', '.join(columns)} FROM {self.table(side)}"

    def _value(self, pair: Pair, side: int) -> str:
        column = (pair.left, pair.right)[side]
        name = self._name(column.name)
        if column.family in ("nested", "other"):
            return _NAMES[self.dialect]["json"].format(name)
        # a UUID leaves the engine as a text, but is none within it
        return f"CAST({name} AS STRING)" if pair.is_mixed or column.family == "text" else name

    def _key_value(self, pair: Pair, side: int) -> str:
        """The value as it is joined on: integers as floats where the other side has these, so that a key that is none
        among floats is found."""
        value = self._value(pair, side)
        return self._float(value) if pair.integer else value

    def _shown(self, name: str, pair: Pair) -> str:
        """The value as a sample has it: times as texts, since the engine knows some that Python does not."""
        times = {"time", "local time", "date"}
        return f"CAST({name} AS STRING)" if {pair.left.family, pair.right.family} & times else name

    def _name(self, name: str) -> str:
        return exp.to_identifier(name, quoted=True).sql(self.dialect)

    def _differs(self, number: int) -> str:
        """Condition: the values differ by more than the tolerance, or one of them is NULL; written for NaN, too."""
        left, right = f"l{number}", f"r{number}"
        distinct = f"{left} IS DISTINCT FROM {right}"
        if side := self.pairs[number - 1].integer:
            wide, value = _NAMES[self.dialect]["wide"], f"{side}{number}"
            distinct = f"({distinct} OR CAST({self._float(value)} AS {wide}) <> CAST({value} AS {wide}))"
        if not self.pairs[number - 1].is_number or not self.tolerance:
            return f"({distinct})"
        size = f"GREATEST(1, LEAST(ABS({self._float(left)}), ABS({self._float(right)})))"
        gap = f"ABS({self._float(left)} - {self._float(right)})"
        near = f"{gap} <= {self.tolerance!r} * {size} AND {gap} <= {_LARGEST}"
        return f"({distinct} AND NOT COALESCE({near}, FALSE))"

    def _differences(self, number: int, pair: Pair) -> list[str]:
        left, right = f"l{number}", f"r{number}"
        differs = f"in_left AND in_right AND {self._differs(number)}"
        counts = {"differing": "TRUE", "left_null": f"{left} IS NULL", "right_null": f"{right} IS NULL"}
        columns = []
        if pair.is_number:
            counts["zero"] = f"({left} IS NULL AND {right} = 0) OR ({right} IS NULL AND {left} = 0)"
            counts["flipped"] = f"({left} > 0 AND {right} < 0) OR ({left} < 0 AND {right} > 0)"
            one, other = (self._wide(value, pair) for value in (left, right))
            columns = [f"SUM({one}) AS left_total_{number}", f"SUM({other}) AS right_total_{number}"]
            columns.append(f"MAX(CASE WHEN {differs} THEN ABS({one} - {other}) END) AS largest_{number}")
        counted = (
            f"COUNT(CASE WHEN {differs} AND ({condition}) THEN 1 END) AS {name}_{number}"
            for name, condition in counts.items()
        )
        return [*columns, *counted]

    def _wide(self, value: str, pair: Pair) -> str:
        """The value in a type that holds sums and differences: ids of all bits leave that of integers by either."""
        if pair.is_integer:
            return f"CAST({value} AS {_NAMES[self.dialect]['wide']})"
        return self._float(value) if pair.is_inexact else value

    def _float(self, value: str) -> str:
        return f"CAST({value} AS {_NAMES[self.dialect]['float']})"


def table_sql(place: tuple[str, str], dialect: Dialect) -> str:
    """A relation, quoted; its schema may be empty."""
    schema, table = place
    return exp.table_(table, db=schema or None, quoted=True).sql(dialect)
