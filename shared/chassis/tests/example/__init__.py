"""The smallest service on the chassis."""
