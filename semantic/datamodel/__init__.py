"""Loading, checking and holding Cube's data model."""
