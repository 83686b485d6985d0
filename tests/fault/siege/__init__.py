"""Attacks of strangers, bad peers and men in the middle on a live cluster of processes, and their limits."""

from tests.fault.siege import hostile_clients, imposters, peers, strangers
from tests.fault.siege.field import Attack

ATTACKS: dict[str, tuple[str, Attack]] = {
    "opened and closed": ("plain", strangers.opened_and_closed),
    "silent": ("plain", strangers.silent),
    "dribbled": ("plain", strangers.dribbled),
    "garbage": ("plain", strangers.garbage),
    "never reads": ("plain", peers.never_reads),
    "largest frames": ("plain", peers.largest_frames),
    "smallest frames": ("plain", peers.smallest_frames),
    "clients flood": ("plain", hostile_clients.flooding),
    "clients read nothing": ("plain", hostile_clients.reading_nothing),
    "clients speak as nodes": ("plain", hostile_clients.speaking_like_nodes),
    "replayed": ("plain", imposters.replayed),
    "replayed, keyed": ("keyed", imposters.replayed),
    "flipped, followers": ("keyed", imposters.flipped_follower),
    "flipped, leader": ("keyed", imposters.flipped_leader),
    "wrong key": ("keyed", imposters.wrong_key),
    "wrong certificate": ("tls", imposters.wrong_certificate),
    "garbage, TLS": ("tls", strangers.garbage),
    "silent, TLS": ("tls", strangers.silent),
}
"""The attacks by name, each with its kind of cluster."""

LETTING_IN = (
    *("never reads", "largest frames", "smallest frames", "flipped, followers", "flipped, leader"),
    *("clients flood", "clients read nothing", "clients speak as nodes"),
)
"""The attacks that open links; in all others no handshake may succeed."""

__all__ = ["ATTACKS", "LETTING_IN"]
