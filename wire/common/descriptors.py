"""The limit of the descriptors of this process."""

import resource


def descriptors_max() -> int | None:
    """Return the number of descriptors that this process may have, or None: there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
