"""The simulated world: nodes, links, disks and clocks in virtual time."""
