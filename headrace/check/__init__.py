"""`headrace check`: contracts against models, cubes against contracts, and both against an older revision."""

from headrace.check.run import CheckReport, run_check

__all__ = ["CheckReport", "run_check"]
