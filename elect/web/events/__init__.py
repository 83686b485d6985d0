"""`/events`: what a node sees, as server-sent events.

A listener gets its first event, `state`, with the state of the node and the latest changes. From then on it gets each
change (`change`), and a `report` of the node every half second or so. A change has an id: a listener that comes back
with it gets the changes that it missed. If they are not kept any more it gets a `state`, as does one that reads too
slowly. The last event is `stopped`.
"""

from elect.web.events.event_source import EventSource
from elect.web.events.event_stream import EventStream

__all__ = ["EventSource", "EventStream"]
