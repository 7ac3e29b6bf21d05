"""Tests of the end-to-end tests and the benchmark themselves: no service runs."""
