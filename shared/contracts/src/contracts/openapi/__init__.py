"""Compares interactions with OpenAPI descriptions, and descriptions with each other."""
