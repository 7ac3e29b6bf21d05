"""Calls to other services: client, retries, circuit breaker."""
