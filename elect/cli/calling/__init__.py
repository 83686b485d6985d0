"""The parts of `elect leader` and `elect call`, which find the leader from outside the cluster."""
