"""What `tox -e schemathesis` is made of."""
