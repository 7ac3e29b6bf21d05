"""What `tox -e contracts` does: see `tools/check_contracts.py`."""
