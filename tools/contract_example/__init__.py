"""The worked example of docs/contracts.md, done for real: see `tools/check_contract_example.py`."""
