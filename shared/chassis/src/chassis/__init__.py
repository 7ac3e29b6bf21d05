"""What every service is built on. It imports no service and no testing code."""
