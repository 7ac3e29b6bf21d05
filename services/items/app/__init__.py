"""The items service: what people put up for sale."""
