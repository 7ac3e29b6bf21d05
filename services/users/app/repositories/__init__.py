"""Every statement of this service. Rows leave as named tuples or as models."""
