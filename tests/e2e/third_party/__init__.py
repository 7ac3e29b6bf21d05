"""Other people's clients and tools, on the services and their descriptions."""
