"""Faults, and the schedules by which a simulated world meets them."""
