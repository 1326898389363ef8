"""From a plan to SQL, as sqlglot expressions, for DuckDB and BigQuery."""
