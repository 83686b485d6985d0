"""How another site follows a source cluster, without a vote: `Mirror`.

`mirror_machine` decides, `mirror_store` keeps what was applied, `source_link` talks to a node of the source, and
`mirror` puts them together.
"""
