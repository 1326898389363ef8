"""From a query to a plan: pure stages over frozen values."""
