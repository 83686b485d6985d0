"""The check that threads, sockets, queues and select are Python's own: gevent and eventlet can replace them."""

import queue
import select
import socket
import threading

ADVICE = {
    "gevent": "gevent.monkey.patch_all(thread=False, socket=False, queue=False, select=False)",
    "eventlet": "eventlet.monkey_patch(thread=False, socket=False, select=False)",
}
"""The call by which each of them leaves the four alone."""


def check_native() -> None:
    """Check that the threads of this process are real, and that its sockets block one thread only.

    The other modules that gevent and eventlet replace (time, ssl, os, signal, subprocess) do no harm here.

    Raises:
        RuntimeError: gevent or eventlet has replaced threading, socket, queue or select.
    """
    makers = {"threading": threading.get_ident, "socket": socket.socket, "queue": queue.SimpleQueue}
    makers["select"] = select.select
    origins = {module: maker.__module__.partition(".")[0] for module, maker in makers.items()}
    replaced = [module for module, origin in origins.items() if origin in ADVICE]
    if replaced:
        library = origins[replaced[0]]
        raise RuntimeError(
            f"{library} has replaced {', '.join(replaced)} in this process, and no link works with that; "
            f"patch with {ADVICE[library]}, or run this in a process that is not patched"
        )
