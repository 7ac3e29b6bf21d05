"""What every service stands on. It imports no service and no testing code."""
