"""Who the other end is: nothing proven, shared keys or TLS, and files that are read again."""
