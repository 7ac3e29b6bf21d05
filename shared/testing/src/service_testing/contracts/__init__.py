"""Consumer-driven contracts with Pact, kept in git (ADR 0023).

A consumer's tests say what they send and what they read (`expectations`, `consumer`); what they say
is recorded in `contracts/pacts` (`pact_files`). A provider's tests hold the real app to every
recorded interaction (`verification`), from the states that `contracts/states.toml` lists
(`catalogue`). Stand-ins in other tests may answer what is recorded, and nothing else (`stand_ins`).
"""
