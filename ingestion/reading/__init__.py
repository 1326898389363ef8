"""Readers: each turns one kind of input into rows of text or near types for DuckDB, in the input's order."""
