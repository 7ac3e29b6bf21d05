"""Random writes while processes and databases are killed."""
