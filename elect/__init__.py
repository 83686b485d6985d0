"""Leader election inside a Python program: at most one of a few processes leads, at any instant."""
