"""Consumer-driven contracts with Pact, kept in git (ADR 0023).

A consumer's tests say what they send and what they read (`expectations`, `consumer`); what they say
is recorded in `contracts/pacts` (`pact_files`). A provider's tests hold the real app to every
recorded interaction (`provider`), from the states that `contracts/states.toml` lists (`catalogue`).
"""
