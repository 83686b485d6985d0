"""The base class of all exceptions, below everything that raises one."""


class ElectError(Exception):
    """The base class of all exceptions of elect."""
