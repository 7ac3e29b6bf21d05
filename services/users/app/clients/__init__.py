"""Clients of what other organisations run. Nothing of their libraries leaves a module."""
