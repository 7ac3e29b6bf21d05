"""What `tox -e contract-drift` does: see `tools/check_contract_drift.py`."""
