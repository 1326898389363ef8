"""The portable-SQL guard: each construct is caught, what replaces it is right on DuckDB, our models pass."""

from __future__ import annotations

import warnings
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlmesh import Context
from sqlmesh.core.dialect import parse
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import SqlModel, load_sql_based_model

from sqlmesh_project.linter.portability import CONSTRUCTS, SqlIsPortable, findings
from tests.sqlmesh_project.portable_sql import AGREED, CASES, JOINS, MACROS, Case


def rendered(sql: str, gateway: str) -> str:
    """An expression with its macros put in, in the run of 2024-01-01, as SQL of the gateway's engine."""
    from sqlmesh_project.macros import events, json, money  # noqa: F401  # they register themselves

    evaluator = MacroEvaluator(dialect="bigquery")
    evaluator.locals.update(start_ts="2024-01-01 00:00:00", end_ts="2024-01-01 23:59:59.999999")
    evaluator.locals["__sqlmesh__vars__"] = {"gateway": gateway}
    tree = evaluator.transform(sqlglot.parse_one(f"SELECT {sql} AS value", dialect="bigquery"))
    assert isinstance(tree, sqlglot.exp.Expression)
    return tree.sql(gateway.split("_", maxsplit=1)[0])


def as_text(value: object) -> str | None:
    """A value in one writing for both engines."""
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        value = value.date()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return None if value is None else str(value)


def test_every_construct_has_a_case() -> None:
    assert {one.code for one in CONSTRUCTS} == {one.code for one in CASES} | {code for code, _ in JOINS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.bad}")
def test_a_construct_is_caught_and_what_replaces_it_is_not(case: Case) -> None:
    bad = sqlglot.parse_one(f"SELECT {case.bad} AS value FROM t", dialect="bigquery")
    good = sqlglot.parse_one(f"SELECT {case.portable} AS value", dialect="bigquery")
    assert case.code in {one.construct.code for one in findings(bad)}
    assert [one.construct.code for one in findings(good)] == []


@pytest.mark.parametrize(("code", "query"), JOINS)
def test_joins_that_bigquery_refuses_are_caught(code: str, query: str) -> None:
    assert [one.construct.code for one in findings(sqlglot.parse_one(query, dialect="bigquery"))] == [code]
    mended = "SELECT x.a FROM x LEFT JOIN y ON x.a = y.a AND x.b < y.b"
    assert list(findings(sqlglot.parse_one(mended, dialect="bigquery"))) == []


@pytest.mark.parametrize("case", [*CASES, *MACROS, *AGREED], ids=lambda case: case.portable)
def test_portable_sql_gives_on_duckdb_what_the_reference_says(case: Case) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(rendered(case.portable, "duckdb")).fetchone()
    assert found is not None
    assert as_text(found[0]) == case.value


def test_a_violation_names_file_line_and_what_to_write(project: Context) -> None:
    text = "MODEL (\n  name core.x\n);\n\nSELECT\n  a,\n  COUNTIF(b) AS b\nFROM t"
    path = Path("models") / "core" / "x.sql"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load_sql_based_model(parse(text, default_dialect="bigquery"), dialect="bigquery", path=path)
        violation = SqlIsPortable(project).check_model(model)
    assert violation is not None
    assert violation.violation_msg == (
        "models/core/x.sql:7: count-if: COUNTIF of no rows is NULL on DuckDB and 0 in BigQuery; "
        "write COALESCE(COUNTIF(x), 0) instead"
    )


def test_our_models_pass(project: Context) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = [model for model in project.models.values() if isinstance(model, SqlModel)]
        rule = SqlIsPortable(project)
        assert [rule.check_model(model) for model in models] == [None] * len(models)
        hidden = {
            (model.name, one.construct.code) for model in models for one in findings(model.render_query_or_raise())
        }
    # Macros may use what they make safe; funnels read properties of which staging keeps what is JSON.
    assert {code for _, code in hidden} <= {"json-value", "bigquery-only"}
    assert {name.rpartition("__")[0] for name, code in hidden} <= {
        "staging.stg_intake",
        "staging.stg_consent",
        "core.funnel_paths",
    }


def test_the_page_names_every_construct() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bigquery.md").read_text(encoding="utf-8")
    rows = [f"| `{one.code}` | {one.why} | {one.instead} |" for one in CONSTRUCTS]
    assert [row for row in rows if row not in page] == []
