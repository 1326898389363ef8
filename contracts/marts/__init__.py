"""Contracts of the marts layer."""
