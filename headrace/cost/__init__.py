"""What a query or a run costs on BigQuery, said before it is run."""
