"""Changes of the members in a simulation: nodes that join, and an operator who asks for changes at random."""
