"""Authentication of the two ends of a link: none, by shared keys or by TLS; and the reload of the files for it."""
