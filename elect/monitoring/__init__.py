"""Metrics, counters and status of a node."""
