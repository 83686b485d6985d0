"""The threads that accept and dial links."""
