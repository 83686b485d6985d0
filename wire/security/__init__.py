"""How the two ends of a link prove who they are: not at all, by shared keys or by TLS; files that are reloaded."""
