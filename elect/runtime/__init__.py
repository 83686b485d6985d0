"""The threads of a node: how they are put together, started and stopped."""
