"""Contracts of the raw layer."""
