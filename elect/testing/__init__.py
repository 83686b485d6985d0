"""Simulate whole clusters, deterministically: the real election in virtual time, under every kind of fault."""

from elect.testing.hostile import hostile
from elect.testing.observer import Observer
from elect.testing.options import Faults, Options, Span
from elect.testing.simulate import simulate
from elect.testing.simulation import Simulation
from elect.testing.violation import InvariantViolation

__all__ = ["Faults", "InvariantViolation", "Observer", "Options", "Simulation", "Span", "hostile", "simulate"]
