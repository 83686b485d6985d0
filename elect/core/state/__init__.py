"""The state that the rules change: the node, its elections, its support and the effects of a step."""
