"""The Hypothesis state machine and its world."""
