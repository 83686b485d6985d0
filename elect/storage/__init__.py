"""Votes on disk: the store, its database, the lock of its directory and the thread that writes."""
