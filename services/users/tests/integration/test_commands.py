"""`python -m app …`, as an operator runs it: exit status, output, and what the database holds then."""
