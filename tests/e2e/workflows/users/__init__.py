"""What users does by itself. Removing the service deletes this folder."""
