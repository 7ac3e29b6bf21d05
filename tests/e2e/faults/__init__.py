"""Containers and databases fail while requests go on."""
