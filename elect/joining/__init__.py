"""How a node finds and joins a cluster, and how a member serves it.

Pure are `join_messages`, `join_passes` (whom to ask, and when), `start_choice` (whether to form a new cluster) and
`join_handler` (the answers of a member). `join_client` and `join_server` are the shells around them.
"""
