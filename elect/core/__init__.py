"""The protocol as a pure machine: messages and time in, Ready out. No socket, thread, clock, disk or log."""
