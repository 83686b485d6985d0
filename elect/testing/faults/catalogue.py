"""The faults by name. Each strikes one or more nodes or links, and is undone later."""

from collections.abc import Callable

from elect.testing.faults import combined, network_faults, node_faults
from elect.testing.faults.fault_context import FaultContext

FAULTS: dict[str, Callable[[FaultContext], None]] = {
    "cut one way": network_faults.cut_one_way,
    "cut both ways": network_faults.cut_both_ways,
    "partition": network_faults.partition,
    "partition one way": network_faults.partition_one_way,
    "isolate": network_faults.isolate,
    "leave a hub": network_faults.leave_hub,
    "leave a chain": network_faults.leave_chain,
    "leave a bridge": network_faults.leave_bridge,
    "flap": network_faults.flap,
    "clog": network_faults.clog,
    "redial": network_faults.redial,
    "hang up": network_faults.hang_up,
    "reset": network_faults.reset,
    "close by proxy": network_faults.close_by_proxy,
    "slow down": network_faults.slow_down,
    "lose": network_faults.lose,
    "misorder": network_faults.misorder,
    "crash": node_faults.crash,
    "crash machine": node_faults.crash_machine,
    "restart at once": node_faults.restart_at_once,
    "crash all": node_faults.crash_all,
    "pause": node_faults.pause,
    "stall": node_faults.stall,
    "suspend": node_faults.suspend,
    "stall disk": node_faults.stall_disk,
    "fail disk": node_faults.fail_disk,
    "fail writes": node_faults.fail_writes,
    "wipe": node_faults.wipe,
    "relist": node_faults.relist,
    "change clock": node_faults.change_clock,
    "resign": node_faults.resign,
    "leave": node_faults.leave,
    "withhold": node_faults.withhold,
    "restand": node_faults.change_rank,
    "strip the leader": combined.strip_leader,
    "contest": combined.contest,
    "resign unheard": combined.resign_unheard,
    "regain": combined.regain,
    "freeze": node_faults.freeze,
}
"""Every fault, by its name in `Faults.kinds`."""

WITHOUT_PEERS = tuple(name for name, fault in FAULTS.items() if fault.__module__ == node_faults.__name__)
"""The faults that can strike a node without peers."""
