"""The rules: what can be done, and when it is refused. Each function works in the transaction of its caller."""
