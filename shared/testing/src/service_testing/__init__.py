"""A pytest plugin with fixtures and helpers for tests of FastAPI services."""
