"""The wire protocol as pure values: bytes and payloads in, bytes and payloads out, the time given."""
