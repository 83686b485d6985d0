"""Reads a node outside its elector: for a scrape, and for a status."""

from elect.bridge.node_context import NodeContext
from elect.monitoring.metrics import ElectionSample, PeerSample, Sample
from elect.monitoring.status import RuntimeSnapshot
from elect.runtime.assembly import NodeThreads
from wire.common.log import dropped


def sample(context: NodeContext, runtime: NodeThreads | None) -> Sample:
    """Return the values for a scrape, from published state alone."""
    config, now = context.config, context.clock()
    heard = {} if runtime is None else runtime.links.heard
    doubled = {} if runtime is None else runtime.links.doubled
    return Sample(
        elections=[
            ElectionSample(
                election=published.election,
                term=published.role_term,
                role=published.role,
                lease_remaining_ns=context.leases.remaining_ns(published.election, published.role_term),
            )
            for published in list(context.published_elections.values())
        ],
        peers=[
            PeerSample(
                peer=peer,
                is_supported=context.leases.supports(peer),
                is_objecting=context.objections.get(peer) is not None,
                is_doubled=peer in doubled,
                last_heard_ns=None if peer not in heard else max(0, now - heard[peer]),
            )
            for peer in sorted(config.peers)
        ],
        inbox_depth=len(context.inbox),
        is_insecure=config.insecure,
        log_records_dropped=dropped(),
        is_doubled=config.node in doubled,
        is_store_failing=runtime is not None and runtime.orchestrator.is_store_failing,
    )


def runtime_snapshot(context: NodeContext, runtime: NodeThreads | None) -> RuntimeSnapshot:
    """Return the state of a node outside its elector."""
    return RuntimeSnapshot(
        cluster=context.config.cluster,
        state=context.state.value,
        threads={} if runtime is None else runtime.threads,
        loop_lag_ns=0 if runtime is None else runtime.orchestrator.lag_ns,
        inbox_depth=len(context.inbox),
        lease_ns=context.leases.remaining_ns,
        address=context.config.peers.get if runtime is None else runtime.links.address_of,
        doubled={} if runtime is None else runtime.links.doubled,
    )
