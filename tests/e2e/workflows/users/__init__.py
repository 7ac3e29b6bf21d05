"""What users does by itself. Its folder goes with the service."""
