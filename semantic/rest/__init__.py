"""Cube's REST API over the semantic engine."""
