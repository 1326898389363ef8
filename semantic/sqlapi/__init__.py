"""The SQL API: the data model's views as tables, for every client of PostgreSQL."""
