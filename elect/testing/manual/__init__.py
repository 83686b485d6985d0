"""A cluster of electors that is driven by hand, message by message."""
