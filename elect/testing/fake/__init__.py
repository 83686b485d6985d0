"""A fake election for unit tests of a program's own code, and the pytest fixtures."""
