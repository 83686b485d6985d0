"""Small things that every room uses, elect as well: arguments, deadlines, logs, threads."""
