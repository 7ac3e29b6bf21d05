"""Which gates a change can break: derived from packaging, imports, tox and the contract files."""
