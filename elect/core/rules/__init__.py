"""The rules of the protocol, one file for each activity of a node."""
