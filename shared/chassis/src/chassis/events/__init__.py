"""CloudEvents, and how they are published."""
