"""Contracts of the core layer."""
