"""What DuckDB and BigQuery say differently: parameters, time zones, buckets of time, patterns."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlglot import exp

from semantic.datamodel.intervals import Interval, is_of_months, parse_origin
from semantic.sql.portable import portable
from semantic.sql.texts import is_column

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
# A Monday that begins no unit larger than a week, and the first day of a year and century.
_FIRST_MONDAY = "2000-01-03 00:00:00"
_FIRST_DAY = "2000-01-01 00:00:00"


class Dialect(Protocol):
    """How one engine writes what the planner needs."""

    name: str

    def parameter(self, number: int) -> exp.Expr:
        """The placeholder of the parameter of that number, from one."""

    def local_time(self, time: exp.Expr, timezone: str) -> exp.Expr:
        """A UTC time as the wall clock shows it in a zone, without a zone."""

    def truncate(self, local: exp.Expr, unit: str) -> exp.Expr:
        """The start of the unit that a local time lies in."""

    def bucket(self, local: exp.Expr, interval: Interval, origin: exp.Expr | None) -> exp.Expr:
        """The start of the bucket; buckets begin at `origin`, or where their unit naturally begins."""

    def timestamp(self, text: str) -> exp.Expr:
        """A local time written out; only for constants of the data model."""

    def local_parameter(self, parameter: exp.Expr) -> exp.Expr:
        """A parameter holding a local time, typed where its type would not be known."""

    def instant_parameter(self, parameter: exp.Expr) -> exp.Expr:
        """A parameter holding a time in UTC, typed where its type would not be known."""

    def like(self, text: exp.Expr, parameter: exp.Expr, *, before: bool, after: bool, negated: bool) -> exp.Expr:
        """Whether a text contains, begins or ends with an escaped value, ignoring case."""

    def same(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        """Equality that takes NULL for a value like any other."""

    def text(self, value: exp.Expr) -> exp.Expr:
        """Any value as text."""

    def instant(self, value: exp.Expr) -> exp.Expr:
        """A time as it compares with a parameter that holds UTC."""

    def adapted(self, tree: exp.Expr) -> exp.Expr:
        """A tree with what this engine does not have, or computes otherwise than DuckDB, put otherwise."""

    def series(self, start: exp.Expr, end: exp.Expr, interval: Interval) -> exp.Expr:
        """Local times from start to end, both included, as a table to select `value` from."""


class DuckDB:
    """DuckDB 1.x, in a session whose TimeZone is UTC."""

    name = "duckdb"

    def parameter(self, number: int) -> exp.Expr:
        return exp.Var(this=f"${number}")

    def local_time(self, time: exp.Expr, timezone: str) -> exp.Expr:
        if timezone == "UTC":
            return _cast(time, "TIMESTAMP")
        zoned = _cast(time, "TIMESTAMPTZ")
        return exp.Anonymous(this="TIMEZONE", expressions=[exp.Literal.string(timezone), zoned])

    def truncate(self, local: exp.Expr, unit: str) -> exp.Expr:
        return exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(unit), local])

    def bucket(self, local: exp.Expr, interval: Interval, origin: exp.Expr | None) -> exp.Expr:
        if len(interval) == 1 and interval[0][0] == 1 and origin is None:
            return self.truncate(local, interval[0][1])
        width = interval_of(interval)
        start = origin or self.timestamp(natural_origin(interval))
        return exp.Anonymous(this="TIME_BUCKET", expressions=[width, local, start])

    def timestamp(self, text: str) -> exp.Expr:
        return _cast(exp.Literal.string(text), "TIMESTAMP")

    def local_parameter(self, parameter: exp.Expr) -> exp.Expr:
        return _cast(parameter, "TIMESTAMP")

    def instant_parameter(self, parameter: exp.Expr) -> exp.Expr:
        return _cast(parameter, "TIMESTAMP")

    def like(self, text: exp.Expr, parameter: exp.Expr, *, before: bool, after: bool, negated: bool) -> exp.Expr:
        pattern = parameter
        if before:
            pattern = exp.DPipe(this=exp.Literal.string("%"), expression=pattern)
        if after:
            pattern = exp.DPipe(this=pattern, expression=exp.Literal.string("%"))
        pattern = exp.Paren(this=pattern) if before or after else pattern
        like = exp.ILike(this=text, expression=pattern)
        escaped = exp.Escape(this=like, expression=exp.Literal.string("\\"))
        return exp.Not(this=exp.Paren(this=escaped)) if negated else escaped

    def same(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        return exp.NullSafeEQ(this=left, expression=right)

    def text(self, value: exp.Expr) -> exp.Expr:
        return _cast(value, "VARCHAR")

    def instant(self, value: exp.Expr) -> exp.Expr:
        return value

    def adapted(self, tree: exp.Expr) -> exp.Expr:
        return tree

    def series(self, start: exp.Expr, end: exp.Expr, interval: Interval) -> exp.Expr:
        numbers = exp.Anonymous(this="GENERATE_SERIES", expressions=[start, end, interval_of(interval)])
        unnested = exp.Anonymous(this="UNNEST", expressions=[numbers])
        select = exp.Select(expressions=[exp.Alias(this=unnested, alias=quoted("value"))])
        return exp.Subquery(this=select, alias=exp.TableAlias(this=quoted("series")))


class BigQuery:
    """BigQuery standard SQL. Times of tables are TIMESTAMP; local times are DATETIME."""

    name = "bigquery"

    def parameter(self, number: int) -> exp.Expr:
        return exp.Var(this=f"@p{number}")

    def local_time(self, time: exp.Expr, timezone: str) -> exp.Expr:
        stamp = exp.Anonymous(this="TIMESTAMP", expressions=[time])
        return exp.Anonymous(this="DATETIME", expressions=[stamp, exp.Literal.string(timezone)])

    def truncate(self, local: exp.Expr, unit: str) -> exp.Expr:
        if unit == "week":
            return _monday(local)
        return exp.Anonymous(this="DATETIME_TRUNC", expressions=[local, exp.Var(this=unit.upper())])

    def bucket(self, local: exp.Expr, interval: Interval, origin: exp.Expr | None) -> exp.Expr:
        if len(interval) == 1 and interval[0][0] == 1 and origin is None:
            return self.truncate(local, interval[0][1])
        start = origin or self.timestamp(natural_origin(interval))
        unit, width = _one_unit(interval)
        if unit == "MONTH":
            local = self.truncate(local, "month")
        passed = exp.Anonymous(this="DATETIME_DIFF", expressions=[local, start, exp.Var(this=unit)])
        whole = exp.Floor(this=exp.Div(this=passed, expression=exp.Literal.number(width)))
        steps = exp.Mul(this=_cast(whole, "INT64", "bigquery"), expression=exp.Literal.number(width))
        shift = exp.Interval(this=exp.Paren(this=steps), unit=exp.Var(this=unit))
        return exp.Anonymous(this="DATETIME_ADD", expressions=[start.copy(), shift])

    def timestamp(self, text: str) -> exp.Expr:
        return exp.Anonymous(this="DATETIME", expressions=[exp.Literal.string(text)])

    def local_parameter(self, parameter: exp.Expr) -> exp.Expr:
        return exp.Anonymous(this="DATETIME", expressions=[parameter])

    def instant_parameter(self, parameter: exp.Expr) -> exp.Expr:
        return parameter

    def like(self, text: exp.Expr, parameter: exp.Expr, *, before: bool, after: bool, negated: bool) -> exp.Expr:
        # The backslash is BigQuery's own escape in LIKE: an ESCAPE clause does not exist.
        parts: list[exp.Expr] = [exp.Lower(this=parameter)]
        if before:
            parts.insert(0, exp.Literal.string("%"))
        if after:
            parts.append(exp.Literal.string("%"))
        pattern = exp.Anonymous(this="CONCAT", expressions=parts) if len(parts) > 1 else parts[0]
        like = exp.Like(this=exp.Lower(this=text), expression=pattern)
        return exp.Not(this=like) if negated else like

    def same(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        # This form, and not IS NOT DISTINCT FROM, is what BigQuery runs as a hash join.
        both_null = exp.And(this=is_null(left.copy()), expression=is_null(right.copy()))
        return exp.Paren(this=exp.Or(this=exp.EQ(this=left, expression=right), expression=exp.Paren(this=both_null)))

    def text(self, value: exp.Expr) -> exp.Expr:
        return _cast(value, "STRING", "bigquery")

    def instant(self, value: exp.Expr) -> exp.Expr:
        # A bare column stays bare, so that partitions can be pruned by it.
        return value if is_column(value) else exp.Anonymous(this="TIMESTAMP", expressions=[value])

    def adapted(self, tree: exp.Expr) -> exp.Expr:
        for node in reversed(list(tree.walk(bfs=False))):
            changed = portable(node)
            if node is tree:
                tree = changed
            elif changed is not node:
                node.replace(changed)
        return tree

    def series(self, start: exp.Expr, end: exp.Expr, interval: Interval) -> exp.Expr:
        # Counting steps works for every unit; GENERATE_TIMESTAMP_ARRAY knows no months.
        unit, width = interval[0][1].upper(), interval[0][0]
        if len(interval) > 1:
            unit, width = _one_unit(interval)
        passed = exp.Anonymous(this="DATETIME_DIFF", expressions=[end, start, exp.Var(this=unit)])
        array = exp.Anonymous(
            this="GENERATE_ARRAY", expressions=[exp.Literal.number(0), passed, exp.Literal.number(width)]
        )
        unnest = exp.Unnest(expressions=[array], alias=exp.TableAlias(columns=[quoted("step")]))
        shift = exp.Interval(this=exp.Column(this=quoted("step")), unit=exp.Var(this=unit))
        value = exp.Anonymous(this="DATETIME_ADD", expressions=[start.copy(), shift])
        select = exp.Select(expressions=[exp.Alias(this=value, alias=quoted("value"))]).from_(unnest, copy=False)
        return exp.Subquery(this=select, alias=exp.TableAlias(this=quoted("series")))


DIALECTS: dict[str, Dialect] = {"duckdb": DuckDB(), "bigquery": BigQuery()}


def _one_unit(interval: Interval) -> tuple[str, int]:
    """An interval of either months or anything shorter, in one unit."""
    months = sum(count * _MONTHS.get(unit, 0) for count, unit in interval)
    return ("MONTH", months) if months else ("SECOND", sum(n * _SECONDS[u] for n, u in interval))


def _monday(local: exp.Expr) -> exp.Expr:
    """The Monday of a week: DATETIME_TRUNC(x, WEEK(MONDAY)) would say it too, but not on BigQuery's emulator."""
    day = exp.Anonymous(this="DATETIME_TRUNC", expressions=[local, exp.Var(this="DAY")])
    first = exp.Anonymous(this="DATETIME", expressions=[exp.Literal.string("0001-01-01")])  # a Monday
    days = exp.Anonymous(this="DATETIME_DIFF", expressions=[local.copy(), first, exp.Var(this="DAY")])
    passed = exp.Anonymous(this="MOD", expressions=[days, exp.Literal.number(7)])
    return exp.Anonymous(this="DATETIME_SUB", expressions=[day, exp.Interval(this=passed, unit=exp.Var(this="DAY"))])


def granularity_bucket(
    dialect: Dialect, local: exp.Expr, interval: Interval, offset: Interval | None, origin: str | None
) -> exp.Expr:
    """The bucket of a custom granularity: shifted by an offset, or counted from an origin of the data model."""
    if origin is not None:
        return _counted(dialect, local, interval, parse_origin(origin))
    if offset is None:
        return dialect.bucket(local, interval, None)
    earlier = shifted(local, offset, -1)
    return shifted(dialect.bucket(earlier, interval, None), offset, 1)


def _counted(dialect: Dialect, local: exp.Expr, interval: Interval, origin: datetime) -> exp.Expr:
    """Buckets from an origin. Engines count whole months from the first of a month: an origin inside a month is that
    much later than one, and so is every bucket."""
    start = origin
    if any(is_of_months(unit) for _, unit in interval):
        start = origin.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    later = origin - start
    parts = ((later.days, "day"), (later.seconds, "second"))
    rest = tuple(part for part in parts if part[0])
    bucket = dialect.bucket(shifted(local, rest, -1), interval, dialect.timestamp(_moment(start)))
    return shifted(bucket, rest, 1)


def _moment(time: datetime) -> str:
    return time.isoformat(" ").removesuffix(" 00:00:00")


def shifted(time: exp.Expr, interval: Interval, sign: int) -> exp.Expr:
    """A time some intervals later (sign 1) or earlier (sign -1)."""
    for count, unit in interval:
        operator = exp.Add if count * sign >= 0 else exp.Sub
        time = operator(this=time, expression=interval_of(((abs(count), unit),)))
    return time


def interval_of(interval: Interval) -> exp.Expr:
    """An interval as SQL; several parts are added up."""
    parts = [exp.Interval(this=exp.Literal.number(n), unit=exp.Var(this=unit.upper())) for n, unit in interval]
    total: exp.Expr = parts[0]
    for part in parts[1:]:
        total = exp.Add(this=total, expression=part)
    return total


def natural_origin(interval: Interval) -> str:
    """A time at which a bucket of any such interval begins when nothing else is said."""
    return _FIRST_MONDAY if any(unit == "week" for _, unit in interval) else _FIRST_DAY


def quoted(name: str) -> exp.Identifier:
    """An identifier that is always quoted."""
    return exp.Identifier(this=name, quoted=True)


def column(name: str, table: str | None = None) -> exp.Column:
    """A quoted column, of a table or alias."""
    return exp.Column(this=quoted(name), table=quoted(table)) if table else exp.Column(this=quoted(name))


def is_null(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value, expression=exp.Null())


def is_set(value: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=value, expression=exp.Null()))


def _cast(value: exp.Expr, type_name: str, dialect: str = "duckdb") -> exp.Expr:
    return exp.Cast(this=value, to=_types[dialect, type_name].copy())


_types = {
    (dialect, name): exp.DataType.build(name, dialect=dialect)
    for dialect, name in (
        ("duckdb", "TIMESTAMP"), ("duckdb", "TIMESTAMPTZ"), ("duckdb", "VARCHAR"),
        ("bigquery", "INT64"), ("bigquery", "STRING"),
    )
}  # fmt: skip
