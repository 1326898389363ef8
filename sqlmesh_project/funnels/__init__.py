"""Funnels declared in YAML beside this file, checked on loading and compiled to the portable subset of SQL."""
