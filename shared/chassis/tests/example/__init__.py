"""A service as small as one can be, built on the chassis."""
