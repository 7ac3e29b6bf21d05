"""One service's database: engines, sessions, column types and migrations."""
