"""Small parts that all of wire and elect use: arguments, deadlines, logs, threads."""
