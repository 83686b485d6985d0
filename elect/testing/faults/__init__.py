"""The faults of a simulation, and the schedules by which they strike."""
