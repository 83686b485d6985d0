"""The rules of the protocol, one file an act."""
