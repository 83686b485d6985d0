"""A second site, in a node: its mirror of the source cluster, its promotion, and the seal that mirrors ask for.

`site_mirror` follows the source while this cluster stands by, `site_promoter` promotes it, `floor_review` keeps the
floor above what the mirror has seen, and `seal_requests` serves the mirrors of other sites. Source: PROTOCOL.md,
section 8.
"""
