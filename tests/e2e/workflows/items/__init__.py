"""What items does, together with users. Removing the service deletes this folder."""
