"""The settings of a node: fields, rules, sources and durations."""
