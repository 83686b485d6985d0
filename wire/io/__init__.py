"""One socket: reading, writing, its queue of outgoing payloads and the reason why it was closed."""
