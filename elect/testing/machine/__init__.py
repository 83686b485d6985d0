"""The Hypothesis state machine over a simulated cluster."""
