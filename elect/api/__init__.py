"""The objects that a program holds: a node, its elections and leaderships."""
