"""What items does, together with users. Its folder goes with the service."""
