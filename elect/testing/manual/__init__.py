"""A cluster of Electors that a test drives message by message."""
