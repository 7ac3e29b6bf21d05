"""A pytest plugin that makes a good test of a FastAPI service the easy one."""
