"""The parts of `elect exec`, which runs a program only while this node leads."""
