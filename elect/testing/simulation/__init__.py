"""One simulation: its options, its transcript and the violations that it reports."""
