"""`Contract`: how a table is declared, once, for ingestion, models, checks, documentation and other tools.

    class ConsentEvents(
        LoadedTable,
        layer="raw",
        table="consent__events",
        version="1.0.0",
        owner="data-platform",
        key="event_id",
        freshness=Freshness("event_time", timedelta(days=2)),
        rows=Rows(at_least=1),
    ):
        \"""One row per event that a consent notice sent.\"""

        event_id: Text = column("Identifier that the SDK gave to the event.")
        rate: Number = column("Share of events that were sampled.", nullable=True, gt=0, le=warn(1))
        apikey: Text = column("Company.", references=to("raw", "consent__companies", "public_api_key"))
        given_at: Instant = column("When consent was given (UTC).", nullable=True)

        given_after_asked = rule("consent is given after it was asked", lambda row: row.given_at >= row.asked_at)

A column is NOT NULL unless `nullable=True`, every limit is an error unless it is wrapped in `warn(...)`. A contract is
a Pandera `DataFrameModel` for Ibis as well: `ConsentEvents.validate(table)` enforces the same rules, except those on
other tables, freshness and volume.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar, Literal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandera.ibis as pa
import sqlglot
from ibis.common.exceptions import IbisError
from pandera.api.ibis.container import DataFrameSchema
from pandera.api.ibis.types import IbisData
from sqlglot import exp

from contracts.errors import DeclarationError
from contracts.rules import (
    Custom,
    ForeignKey,
    Freshness,
    Limit,
    MaxLength,
    NotNull,
    OneOf,
    Pattern,
    Recent,
    Relationship,
    RowRule,
    Rows,
    Rule,
    Severity,
    Unique,
    Value,
    Volume,
    Warn,
)
from contracts.types import ColumnType, Instant, Integer, Text

LAYERS = ("raw", "core", "marts")
Sensitivity = Literal["public", "internal", "personal", "secret"]

_METADATA = "contract"
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Deprecation:
    """The column goes away on or after `removed_on`; `use` names what to take instead."""

    removed_on: date
    use: str


@dataclass(frozen=True)
class Column:
    """A column as declared. `rules` are those about this column alone, in the order not_null, limits, values, text."""

    name: str
    type: type[ColumnType]
    description: str
    nullable: bool = False
    optional: bool = False
    unit: str | None = None
    sensitivity: Sensitivity = "internal"
    deprecated: Deprecation | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def dtype(self) -> dt.DataType:
        """The Ibis type."""
        type_: dt.DataType = self.type.type
        return type_

    @property
    def is_metadata(self) -> bool:
        """Whether loading adds the column, so that no file or source has it."""
        return self.name.startswith("_")


@dataclass(frozen=True)
class _Declared:
    """What `column()` was told, before the column's name and type are known."""

    description: str
    limits: tuple[tuple[str, Any], ...]
    nullable: bool | Warn[bool]
    optional: bool
    unit: str | None
    sensitivity: Sensitivity
    deprecated: Deprecation | None


def column(
    description: str,
    *,
    nullable: bool | Warn[bool] = False,
    ge: Value | Warn[Value] | None = None,
    gt: Value | Warn[Value] | None = None,
    le: Value | Warn[Value] | None = None,
    lt: Value | Warn[Value] | None = None,
    isin: Iterable[Value] | Warn[Iterable[Value]] | None = None,
    pattern: str | Warn[str] | None = None,
    max_length: int | Warn[int] | None = None,
    references: ForeignKey | Warn[ForeignKey] | None = None,
    optional: bool = False,
    unit: str | None = None,
    sensitivity: Sensitivity = "internal",
    deprecated: Deprecation | None = None,
    name: str | None = None,
) -> Any:
    """Declare a column: its meaning and its limits.

    `nullable=warn(False)` reports NULLs without rejecting the rows; `pattern` must match the whole value; `optional`
    columns may be absent from a file (older exports) and are then NULL; `name` is the column's name where Python cannot
    spell it; `sensitivity` is `personal` for data about a person.
    """
    limits: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt, "isin": isin}
    limits |= {"pattern": pattern, "max_length": max_length, "references": references}
    declared = _Declared(
        description=description,
        limits=tuple((kind, limit) for kind, limit in limits.items() if limit is not None),
        nullable=nullable,
        optional=optional,
        unit=unit,
        sensitivity=sensitivity,
        deprecated=deprecated,
    )
    return pa.Field(nullable=nullable is not False, alias=name, description=description, metadata={_METADATA: declared})


def to(layer: str, table: str, column: str) -> ForeignKey:
    """Point a column at another table: `references=to("core", "companies", "company_id")`."""
    return ForeignKey(layer, table, column)


class rule(staticmethod):  # type: ignore[type-arg]  # noqa: N801 - it is written like a function in contracts
    """A row rule over several columns: `in_order = rule("asked, then given", lambda row: row.given_at > row.asked_at)`.

    The condition gets the typed table and returns a boolean column; true or NULL keeps the rule. The attribute's name
    is the rule's name. (A staticmethod, so that Pandera takes it for a routine and not for a column without a type.)
    """

    def __init__(
        self, sentence: str, condition: Callable[[ir.Table], ir.BooleanValue], *, severity: Severity = "error"
    ) -> None:
        super().__init__(condition)
        self.sentence, self.condition, self.severity = sentence, condition, severity

    def named(self, name: str, row: ir.Table) -> Custom:
        """The rule under the name it has in its contract; `row` is a table of the contract's columns."""
        fields = self.condition(row).op().find(ops.Field)
        columns = tuple(name for name in row.columns if any(field.name == name for field in fields))
        return Custom(columns, self.severity, name, self.sentence, self.condition)


@dataclass(frozen=True)
class Terms:
    """What a contract says about the table as a whole.

    `retired` keeps, after a breaking change, what became of a column and since when: the notice that consumers read.
    """

    layer: str
    table: str
    version: str
    owner: str
    description: str
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    freshness: Freshness | None
    rows: Rows | None
    deprecated: Deprecation | None = None
    retired: tuple[tuple[str, Deprecation], ...] = ()

    @property
    def name(self) -> str:
        """`layer.table`, as errors and lineage print it."""
        return f"{self.layer}.{self.table}"


@dataclass(frozen=True)
class Statement:
    """A contract as plain data: what it states, apart from the class that states it."""

    terms: Terms
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]


class Contract(pa.DataFrameModel):
    """Base of every contract. A subclass with `layer` and `table` is a contract; one without only lends its columns."""

    __terms__: ClassVar[Terms | None] = None

    def __init_subclass__(
        cls,
        *,
        layer: str | None = None,
        table: str | None = None,
        version: str = "1.0.0",
        owner: str = "data-platform",
        key: str | tuple[str, ...] = (),
        unique: tuple[tuple[str, ...], ...] = (),
        freshness: Freshness | None = None,
        rows: Rows | None = None,
        deprecated: Deprecation | None = None,
        retired: Mapping[str, Deprecation] | None = None,
    ) -> None:
        super().__init_subclass__()  # type: ignore[no-untyped-call]
        cls.__terms__ = None
        if layer is None or table is None:
            return
        description = inspect.cleandoc(cls.__doc__ or "")
        keys = (key,) if isinstance(key, str) else key
        old = tuple((retired or {}).items())
        cls.__terms__ = Terms(layer, table, version, owner, description, keys, unique, freshness, rows, deprecated, old)
        check_declaration(cls)

    @classmethod
    def terms(cls) -> Terms:
        """What the contract says about the table as a whole."""
        if cls.__terms__ is None:
            raise DeclarationError(f"{cls.__name__} declares no layer and table: it only lends its columns")
        return cls.__terms__

    @classmethod
    def statement(cls) -> Statement:
        """The contract as plain data, to compare it or to hand it to other tools."""
        row = cls._row()
        rules = [replace(one, sql=_sql(one, row)) if isinstance(one, Custom) else one for one in cls.rules()]
        return Statement(cls.terms(), cls.columns(), tuple(rules))

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        """The columns in the order declared, those that loading adds last."""
        found = [_named(cls, name, annotation.arg, info) for name, (annotation, info) in cls.__fields__.items()]
        return tuple(sorted(found, key=lambda column: column.is_metadata))

    @classmethod
    def column(cls, name: str) -> Column:
        """One column by its name; DeclarationError if there is none."""
        for column in cls.columns():
            if column.name == name:
                return column
        known = ", ".join(column.name for column in cls.columns())
        raise DeclarationError(f"{cls.terms().name} has no column {name}; it has {known}")

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Every rule: of the columns, over several columns, keys, freshness, volume."""
        terms = cls.terms()
        rules = [one for column in cls.columns() for one in column.rules]
        rules += cls._custom_rules()
        rules += [Unique(columns, "error") for columns in (terms.key, *terms.unique) if columns]
        if terms.freshness:
            rules.append(Recent((terms.freshness.column,), terms.freshness.severity, terms.freshness.limit))
        if terms.rows:
            rules.append(Volume((), terms.rows.severity, terms.rows.at_least, terms.rows.at_most))
        return tuple(rules)

    @classmethod
    def row_rules(cls) -> tuple[RowRule, ...]:
        """The rules that judge one row by itself."""
        return tuple(one for one in cls.rules() if isinstance(one, RowRule))

    @classmethod
    def _custom_rules(cls) -> list[Rule]:
        named = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
        return [value.named(name, cls._row()) for name, value in named.items() if isinstance(value, rule)]

    @classmethod
    def _row(cls) -> ir.Table:
        return ibis.table({column.name: column.dtype for column in cls.columns()}, name=cls.terms().table)

    @classmethod
    def build_schema_(cls, **options: Any) -> DataFrameSchema:
        """The Pandera schema: our row rules as its checks, so that both judge alike."""
        checks: dict[str, list[pa.Check]] = {}
        for one in cls.row_rules() if cls.__terms__ else ():
            if not isinstance(one, (NotNull, Custom)):
                checks.setdefault(one.column, []).append(_check(one))
        options["unique"] = list(cls.__terms__.key) or None if cls.__terms__ else None
        columns = cls._build_columns(cls.__fields__, checks)
        custom = [_check(one) for one in cls.row_rules() if isinstance(one, Custom)] if cls.__terms__ else []
        return DataFrameSchema(columns, checks=custom, **options)


class LoadedTable(Contract):
    """The columns that loading adds to every raw table; a base for raw contracts."""

    batch_id: Text = column("Batch that loaded the row.", name="_batch_id")
    source_file: Text = column("File the row was read from.", name="_source_file")
    row_number: Integer = column("Number of the row in its file, from 1.", ge=1, name="_row_number")
    loaded_at: Instant = column("When the row was loaded (UTC).", name="_loaded_at")


def _sql(custom: Custom, row: ir.Table) -> str:
    """The condition of a rule in the models' dialect, on bare column names."""
    text = str(ibis.to_sql(row.select(holds=custom.condition(row)), dialect="bigquery"))
    query: Any = sqlglot.parse_one(text, dialect="bigquery")
    condition = query.selects[0].unalias()
    for name in condition.find_all(exp.Column):
        name.set("table", None)
    return str(condition.sql("bigquery")).replace("`", "")


def _check(one: RowRule) -> pa.Check:
    """A row rule as a Pandera check."""

    def judge(data: IbisData) -> ir.BooleanValue:
        return one.holds(data.table).fill_null(True)

    return pa.Check(judge, name=one.name, error=one.text, raise_warning=one.severity == "warn")


def _named(contract: type[Contract], name: str, type_: Any, info: Any) -> Column:
    """A column, now that its name and type are known."""
    declared = (info.metadata or {}).get(_METADATA)
    if not isinstance(declared, _Declared) or not (isinstance(type_, type) and issubclass(type_, ColumnType)):
        raise DeclarationError(
            f"{contract.__name__}.{name}: declare it as `{name}: Text = column('...')` with a type of contracts.types"
        )
    return Column(
        name=name,
        type=type_,
        description=declared.description,
        nullable=declared.nullable is True,
        optional=declared.optional,
        unit=declared.unit,
        sensitivity=declared.sensitivity,
        deprecated=declared.deprecated,
        rules=tuple(_column_rules(name, declared)),
    )


def _column_rules(name: str, declared: _Declared) -> Iterator[Rule]:
    """The rules of one column, in the order not_null, limits, values, text, relationship."""
    columns = (name,)
    if declared.nullable is not True:
        yield NotNull(columns, "warn" if isinstance(declared.nullable, Warn) else "error")
    for kind, limit in declared.limits:
        severity: Severity = "warn" if isinstance(limit, Warn) else "error"
        yield _limit_rule(columns, severity, kind, limit.value if isinstance(limit, Warn) else limit)


def _limit_rule(columns: tuple[str, ...], severity: Severity, kind: str, value: Any) -> Rule:
    if kind == "isin":
        return OneOf(columns, severity, tuple(value))
    if kind == "pattern":
        return Pattern(columns, severity, value)
    if kind == "max_length":
        return MaxLength(columns, severity, value)
    if kind == "references":
        return Relationship(columns, severity, value)
    return Limit(columns, severity, kind, value)  # type: ignore[arg-type]


def check_declaration(contract: type[Contract]) -> None:
    """Raise DeclarationError with everything wrong in how a contract is declared."""
    terms = contract.terms()
    columns = {column.name: column for column in contract.columns()}
    wrong = []
    if terms.layer not in LAYERS:
        wrong.append(f"layer {terms.layer} is none of {', '.join(LAYERS)}")
    if not _VERSION.fullmatch(terms.version):
        wrong.append(f"version {terms.version} is not of the form 1.0.0")
    if not terms.description.startswith("One row per "):
        wrong.append('the docstring must open with the grain: "One row per ..."')
    if not terms.key:
        wrong.append("no key: name the column or columns that tell rows apart")
    named = {*terms.key, *(name for names in terms.unique for name in names)}
    named |= {terms.freshness.column} if terms.freshness else set()
    wrong += [f"{name} is in a key or freshness limit, but no column" for name in sorted(named - set(columns))]
    wrong += [f"key column {name} may be NULL" for name in terms.key if name in columns and columns[name].nullable]
    wrong += [f"column {name} has no description" for name, column in columns.items() if not column.description.strip()]
    wrong += [] if wrong else _wrong_rules(contract)
    if wrong:
        raise DeclarationError(f"contract {contract.__name__} ({terms.name}): " + "; ".join(wrong))


def _wrong_rules(contract: type[Contract]) -> list[str]:
    """What keeps the rules over several columns from being built."""
    try:
        contract.rules()
    except (AttributeError, TypeError, IbisError) as error:
        return [f"a rule over several columns cannot be built: {error}"]
    return []
