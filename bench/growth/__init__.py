"""What grows with the data, and what mustn't."""
