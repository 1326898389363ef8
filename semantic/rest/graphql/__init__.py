"""Cube's GraphQL API: a selection of members is a query."""
