"""The users service: accounts, sign-in, and the keys that tokens are verified with."""
