"""The items service: items that users offer for sale."""
