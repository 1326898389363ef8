"""Constructs that stay out of models, what is written instead, and the value that BigQuery's reference gives to that.

The pages are those of https://cloud.google.com/bigquery/docs/reference/standard-sql/.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A bad expression over t; a portable one over constants, its value as text, and the page that says so."""

    code: str
    bad: str
    portable: str
    value: str | None
    page: str


MONDAY = "DATE_SUB({0}, INTERVAL MOD(DATE_DIFF({0}, DATE '1970-01-05', DAY), 7) DAY)"
SUNDAY = "DATE '2024-01-07'"
NOON = "TIMESTAMP '2024-01-01 12:00:00+00'"
CASES = (
    Case(
        "approximate-aggregate",
        "APPROX_COUNT_DISTINCT(a)",
        "(SELECT COUNT(DISTINCT x) FROM UNNEST([1, 1, 2]) AS x)",
        "2",
        "aggregate_functions#count",
    ),
    Case(
        "approximate-aggregate",
        "APPROX_QUANTILES(a, 2)",
        "(SELECT DISTINCT PERCENTILE_CONT(x, 0.5) OVER () FROM UNNEST([1, 2, 9]) AS x)",
        "2.0",
        "navigation_functions#percentile_cont",
    ),
    Case(
        "extract-week",
        "EXTRACT(DAYOFWEEK FROM a)",
        f"MOD(DATE_DIFF({SUNDAY}, DATE '1970-01-05', DAY), 7)",
        "6",
        "date_functions#date_diff",
    ),
    Case(
        "extract-week",
        "EXTRACT(WEEK(MONDAY) FROM a)",
        "EXTRACT(ISOYEAR FROM DATE '2024-12-30')",
        "2025",
        "date_functions#extract",
    ),
    Case("extract-date", "EXTRACT(DATE FROM a)", f"DATE({NOON})", "2024-01-01", "date_functions#date"),
    Case("truncate-to-week", "DATE_TRUNC(a, WEEK)", MONDAY.format(SUNDAY), "2024-01-01", "date_functions#date_sub"),
    Case(
        "truncate-to-week",
        "TIMESTAMP_TRUNC(a, ISOWEEK)",
        MONDAY.format("DATE '2024-01-08'"),
        "2024-01-08",
        "date_functions#date_sub",
    ),
    Case(
        "truncate-a-constant",
        "TIMESTAMP_TRUNC(TIMESTAMP '2024-05-06', DAY)",
        "(SELECT DATE_TRUNC(x, MONTH) FROM (SELECT DATE '2024-05-06' AS x))",
        "2024-05-01",
        "date_functions#date_trunc",
    ),
    Case(
        "last-day-of-week",
        "LAST_DAY(a, WEEK)",
        "DATE_ADD(DATE '2024-01-03', INTERVAL 6 - MOD(DATE_DIFF(DATE '2024-01-03', DATE '1970-01-05', DAY), 7) DAY)",
        "2024-01-07",
        "date_functions#date_add",
    ),
    Case(
        "coarse-elapsed-time",
        "TIMESTAMP_DIFF(a, b, HOUR)",
        f"DIV(TIMESTAMP_DIFF({NOON}, TIMESTAMP '2024-01-01 10:59:00+00', MICROSECOND), 3600000000)",
        "1",
        "timestamp_functions#timestamp_diff",
    ),
    Case("array-offset", "a[OFFSET(1)]", "['x', 'y'][ORDINAL(2)]", "y", "operators#array_subscript_operator"),
    Case("array-offset", "a[0]", "['x'][SAFE_ORDINAL(2)]", None, "operators#array_subscript_operator"),
    Case(
        "unnest-with-offset",
        "(SELECT MAX(o) FROM UNNEST(a) AS x WITH OFFSET AS o)",
        "(SELECT SUM(n) FROM UNNEST(GENERATE_ARRAY(1, 2)) AS n)",
        "3",
        "array_functions#generate_array",
    ),
    Case(
        "aggregate-ignoring-nulls",
        "ARRAY_AGG(a IGNORE NULLS)",
        "(SELECT ARRAY_LENGTH(ARRAY_AGG(x)) FROM UNNEST([1, NULL]) AS x WHERE NOT x IS NULL)",
        "1",
        "aggregate_functions#array_agg",
    ),
    Case(
        "aggregate-with-limit",
        "STRING_AGG(a ORDER BY a LIMIT 1)",
        "(SELECT MAX(x) FROM (SELECT x FROM UNNEST([1, 2]) AS x WHERE TRUE"
        " QUALIFY ROW_NUMBER() OVER (ORDER BY x) = 1))",
        "1",
        "query-syntax#qualify_clause",
    ),
    Case("format", "FORMAT('%05d', a)", "CAST(42 AS STRING)", "42", "conversion_functions#cast_as_string"),
    Case(
        "format",
        "FORMAT_TIMESTAMP('%F', a, 'Asia/Tokyo')",
        "CAST(DATE(TIMESTAMP '2024-01-01 23:00:00+00', 'Asia/Tokyo') AS STRING)",
        "2024-01-02",
        "date_functions#date",
    ),
    Case(
        "number-as-text",
        "CAST(CAST(a AS FLOAT64) AS STRING)",
        "CAST(CAST(ROUND(CAST(1.0 AS FLOAT64)) AS INT64) AS STRING)",
        "1",
        "conversion_functions#cast_as_string",
    ),
    Case(
        "unsized-numeric",
        "CAST(a AS NUMERIC)",
        "CAST('0.123456789' AS NUMERIC(38, 9))",
        "0.123456789",
        "data-types#decimal_types",
    ),
    Case(
        "integer-from-fraction",
        "CAST(a / 2 AS INT64)",
        "CAST(ROUND(CAST(2.5 AS FLOAT64)) AS INT64)",
        "3",
        "conversion_functions#cast_as_integer",
    ),
    Case("lenient-cast", "SAFE_CAST(a AS INT64)", "CAST('12' AS INT64)", "12", "conversion_functions#safe_casting"),
    Case(
        "numeric-average",
        "AVG(CAST(a AS NUMERIC(38, 9)))",
        "(SELECT ROUND(AVG(CAST(x AS FLOAT64)), 12) FROM UNNEST([1, 2, 2]) AS x)",
        "1.666666666667",
        "aggregate_functions#avg",
    ),
    Case("division", "a / b", "SAFE_DIVIDE(1, 0)", None, "mathematical_functions#safe_divide"),
    Case("integer-division-of-an-expression", "DIV(a - b, 2)", "DIV((7 - 2), 2)", "2", "mathematical_functions#div"),
    Case(
        "count-if",
        "COUNTIF(a)",
        "(SELECT COALESCE(COUNTIF(x > 1), 0) FROM UNNEST([1]) AS x WHERE x > 1)",
        "0",
        "aggregate_functions#countif",
    ),
    Case(
        "regexp-extract",
        "REGEXP_EXTRACT(a, r'b')",
        "NULLIF(REGEXP_EXTRACT('abc', r'x'), '')",
        None,
        "string_functions#regexp_extract",
    ),
    Case(
        "value-at-extreme",
        "MAX_BY(a, b)",
        "(SELECT x FROM (SELECT 5 AS x, 1 AS y UNION ALL SELECT NULL, 2) WHERE TRUE"
        " QUALIFY ROW_NUMBER() OVER (ORDER BY y DESC) = 1)",
        None,
        "aggregate_functions#max_by",
    ),
    Case(
        "count-of-structs",
        "COUNT(DISTINCT STRUCT(a, b))",
        "(SELECT COUNT(DISTINCT CONCAT(x, '-', 1)) FROM UNNEST(['a', 'b', 'a']) AS x)",
        "2",
        "aggregate_functions#count",
    ),
    Case(
        "substring-before-one", "SUBSTR(a, 0, 2)", "SUBSTR('apple', 1, 2)", "ap", "string_functions#substr"
    ),
    Case("escaped-pattern", r"a LIKE 'x\\_%'", "STARTS_WITH('x_1', 'x_')", "True", "string_functions#starts_with"),
    Case(
        "filtered-aggregate",
        "SUM(a) FILTER (WHERE b > 1)",
        "(SELECT SUM(IF(x > 1, x, 0)) FROM UNNEST([1, 2, 3]) AS x)",
        "5",
        "conditional_expressions#if",
    ),
    Case(
        "time-range-window",
        "SUM(a) OVER (ORDER BY b RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)",
        "(SELECT MAX(n) FROM (SELECT COUNT(*) OVER (ORDER BY UNIX_MICROS(x) RANGE BETWEEN 60000000 PRECEDING"
        " AND CURRENT ROW) AS n FROM UNNEST([TIMESTAMP '2024-01-01 00:00:00+00', TIMESTAMP '2024-01-01 00:01:00+00',"
        " TIMESTAMP '2024-01-01 00:02:01+00']) AS x))",
        "2",
        "window-function-calls#def_window_frame",
    ),
    Case(
        "ordered-distinct-window",
        "COUNT(DISTINCT a) OVER (ORDER BY b)",
        "(SELECT MAX(total) FROM (SELECT SUM(mark) OVER (ORDER BY x) AS total FROM"
        " (SELECT x, IF(ROW_NUMBER() OVER (PARTITION BY x ORDER BY x) = 1, 1, 0) AS mark"
        " FROM UNNEST([1, 1, 2]) AS x)))",
        "2",
        "window-function-calls",
    ),
    Case("bigquery-only", "FARM_FINGERPRINT(a)", "CONCAT('a', '-', 'b')", "a-b", "string_functions#concat"),
    Case("bigquery-only", "SAFE.PARSE_DATE('%Y', a)", "DATE '2024-01-02'", "2024-01-02", "lexical#date_literals"),
    Case("bigquery-only", "TIMESTAMP_BUCKET(a, INTERVAL 1 HOUR)", "UNIX_MICROS(TIMESTAMP '1970-01-01 00:00:01+00')",
         "1000000", "timestamp_functions#unix_micros"),
    Case("json-value", "JSON_VALUE(a, '$.b')", "@json_text('{', b)", None, "json_functions#json_value"),
)  # fmt: skip
JOINS = (
    ("outer-join-without-equality", "SELECT x.a FROM x LEFT JOIN y ON x.a < y.a"),
    ("outer-join-without-equality", "SELECT x.a FROM x FULL JOIN y ON x.a = y.a OR x.b = y.b"),
)
"""Whole queries that BigQuery refuses: `LEFT OUTER JOIN cannot be used without a condition that is an equality of
fields from both sides of the join`."""

MACROS = (
    Case("", "", "@seconds_between(TIMESTAMP '2024-01-01 10:59:59.5+00', TIMESTAMP '2024-01-01 11:00:00+00')", "0.5",
         "timestamp_functions#timestamp_diff"),
    Case("", "", "@json_text('{\"b\": \"x\"}', b)", "x", "json_functions#json_value"),
    Case("", "", "@json_text('{\"b\": {\"c\": 1}}', b)", None, "json_functions#json_value"),
    Case("", "", "@json_text('{\"b\": null}', b)", None, "json_functions#json_value"),
    Case("", "", "@json_text('{\"c\": 1}', b)", None, "json_functions#json_value"),
    Case("", "", "@readable_json('{\"b\": 1}')", '{"b": 1}', "json_functions#json_value"),
    Case("", "", "@clean_code('\"\"\"fr\"\"\"')", "FR", "string_functions#trim"),
    Case("", "", "@clean_code('\"\"')", None, "string_functions#trim"),
    Case("", "", "@in_usd(CAST('10.00' AS FLOAT64), CAST('1.08123456' AS FLOAT64))", "10.812346",
         "mathematical_functions#round"),
    Case("", "", "(SELECT COUNT(*) FROM UNNEST([TIMESTAMP '2023-12-31 23:59:59+00', TIMESTAMP '2024-01-01 00:00:00+00',"
         " TIMESTAMP '2024-01-01 23:59:59.999999+00', TIMESTAMP '2024-01-02 00:00:00+00']) AS x WHERE @in_interval(x))",
         "2", "timestamp_functions#timestamp_sub"),
    Case("", "", "(SELECT COUNT(*) FROM UNNEST([TIMESTAMP '2023-12-30 23:59:59+00', TIMESTAMP '2023-12-31 00:00:00+00',"
         " TIMESTAMP '2024-01-02 12:00:00+00']) AS x WHERE @in_interval(x, 1, 1))", "2",
         "timestamp_functions#timestamp_add"),
    Case("", "", "(SELECT COUNT(*) FROM UNNEST([TIMESTAMP '2023-12-31 23:59:59+00',"
         " TIMESTAMP '2024-01-01 00:00:00+00']) AS x WHERE @before_interval(x, 1))", "1",
         "timestamp_functions#timestamp_sub"),
    Case("", "", "(SELECT x FROM (SELECT 'a' AS x, 'k' AS k, 2 AS _loaded_at, 'b' AS _batch_id, 1 AS _row_number"
         " UNION ALL SELECT 'b', 'k', 1, 'b', 2 UNION ALL SELECT 'c', 'k', NULL, 'b', 1) WHERE TRUE"
         " QUALIFY @first_loaded(k))", "b", "query-syntax#qualify_clause"),
)  # fmt: skip
"""The macros of sqlmesh_project/macros, in the run of 2024-01-01."""

AGREED = (
    Case("", "", "(SELECT STRING_AGG(COALESCE(x, '-'), '' ORDER BY n) FROM"
         " (SELECT x, ROW_NUMBER() OVER (ORDER BY x) AS n FROM UNNEST(['a', NULL]) AS x))", "-a",
         "query-syntax#order_by_clause"),
    Case("", "", "CONCAT('a', CAST(NULL AS STRING))", None, "string_functions#concat"),
    Case("", "", "GREATEST(1, CAST(NULL AS INT64))", None, "mathematical_functions#greatest"),
    Case("", "", "LOG(8, 2)", "3.0", "mathematical_functions#log"),
    Case("", "", "REGEXP_REPLACE('aaa', r'a', 'b')", "bbb", "string_functions#regexp_replace"),
    Case("", "", "MOD(-7, 3)", "-1", "mathematical_functions#mod"),
    Case("", "", "DIV(-7, 2)", "-3", "mathematical_functions#div"),
    Case("", "", "LENGTH('añ')", "2", "string_functions#length"),
    Case("", "", "SUBSTR('apple', -3)", "ple", "string_functions#substr"),
    Case("", "", "DATE_DIFF(DATE '2024-02-01', DATE '2024-01-31', MONTH)", "1", "date_functions#date_diff"),
    Case("", "", "DATE(TIMESTAMP '2024-01-01 23:00:00+00', 'Asia/Tokyo')", "2024-01-02", "date_functions#date"),
    Case("", "", "LAST_DAY(DATE '2024-02-03')", "2024-02-29", "date_functions#last_day"),
    Case("", "", "(SELECT LOGICAL_OR(x) FROM UNNEST([TRUE, NULL]) AS x)", "True", "aggregate_functions#logical_or"),
)  # fmt: skip
"""What the translation takes care of, so that models may use it: NULL first when ascending, NULL in CONCAT, ..."""
