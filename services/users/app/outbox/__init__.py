"""Events of this service's changes, from the transaction that writes them to their delivery (ADR 0019)."""
