"""Many elections of many nodes at a glance: the model of `elect top`, and its table."""
