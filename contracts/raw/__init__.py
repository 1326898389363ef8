"""Contracts of the raw layer: what ingestion lets in, one module per source, columns as the source names them."""
