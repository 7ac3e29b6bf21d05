"""What users and operators do, across both services."""
