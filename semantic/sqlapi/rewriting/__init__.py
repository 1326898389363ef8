"""From a client's SQL over views and cubes to one statement over compiled sub-selects."""
