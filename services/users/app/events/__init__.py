"""The events that this service publishes."""
