"""Cube's REST query format, checked and normalised."""
