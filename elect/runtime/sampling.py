"""Reads a node outside its elector: for a scrape, and for a status."""

from collections.abc import Collection, Mapping
from functools import partial

from elect.bridge.node_context import Lifecycle, NodeContext
from elect.bridge.published_election import PublishedElection
from elect.clock import NS_PER_S
from elect.monitoring.election_metrics import ElectionSample
from elect.monitoring.member_phase import MemberPhase
from elect.monitoring.metrics import PeerSample, Sample
from elect.monitoring.status import RuntimeSnapshot
from elect.runtime.assembly import NodeThreads
from wire.common.descriptors import descriptors_max
from wire.common.log import dropped


def sample(context: NodeContext, runtime: NodeThreads | None, candidacies: Collection[str]) -> Sample:
    """Return the values for a scrape, from published state alone.

    Args:
        context: of the node.
        runtime: its threads, or None.
        candidacies: the elections that the node takes part in.
    """
    config = context.config
    standing = candidacies if context.state is Lifecycle.RUNNING else ()
    doubled = {} if runtime is None else runtime.links.doubled
    return Sample(
        elections=[
            _election(context, published, is_candidate=published.election in standing)
            for published in list(context.published_elections.values())
        ],
        peers=[
            PeerSample(
                peer=peer,
                is_supported=context.leases.supports(peer),
                is_objecting=context.objections.get(peer) is not None,
                is_doubled=peer in doubled,
                health=context.peer_health.health(peer),
            )
            for peer in context.peers
        ],
        configuration=context.configuration,
        lifecycle=context.lifecycle.value.phase.value,
        lifecycle_states=[phase.value for phase in MemberPhase],
        inbox_depth=len(context.inbox),
        clients=0 if runtime is None else len(runtime.clients),
        mirrors=0 if runtime is None else len(runtime.clients.mirrors),
        site=None if runtime is None else runtime.site.sample(),
        is_insecure=config.insecure,
        log_records_dropped=dropped(),
        is_doubled=config.node in doubled,
        is_store_failing=runtime is not None and runtime.orchestrator.is_store_failing,
    )


def _election(context: NodeContext, published: PublishedElection, *, is_candidate: bool) -> ElectionSample:
    lease_ns = context.leases.remaining_ns(published.election, published.role_term)
    return ElectionSample(
        election=published.election,
        term=published.role_term,
        role=published.role,
        lease_remaining_ns=lease_ns,
        is_leaderless=is_candidate and published.leader is None and not lease_ns,
    )


def runtime_snapshot(context: NodeContext, runtime: NodeThreads | None) -> RuntimeSnapshot:
    """Return the state of a node outside its elector."""
    return RuntimeSnapshot(
        cluster=context.config.cluster,
        state=context.state.value,
        lifecycle=str(context.lifecycle.value),
        threads={} if runtime is None else runtime.threads,
        loop_lag_ns=0 if runtime is None else runtime.orchestrator.lag_ns,
        loop_lag_max_ns=0 if runtime is None else runtime.orchestrator.lags.value,
        inbox_depth=len(context.inbox),
        lease_ns=context.leases.remaining_ns,
        installed=context.configuration.id,
        address=context.config.peers.get if runtime is None else runtime.links.address_of,
        doubled={} if runtime is None else runtime.links.doubled,
        health=context.peer_health.health,
        settings=(lambda _: {}) if runtime is None else (lambda node_id: runtime.links.profile(node_id).settings),
        metadata=partial(_metadata, context, runtime),
        known_since=partial(_known_since, context),
        descriptors_max=descriptors_max(),
        clients=0 if runtime is None else len(runtime.clients),
        clients_max=0 if runtime is None else runtime.clients.clients_max,
        mirrors=() if runtime is None else tuple(each.to_dict() for each in runtime.clients.mirrors),
        mirror=None if runtime is None or (found := runtime.site.status()) is None else found.to_dict(),
    )


def _metadata(context: NodeContext, runtime: NodeThreads | None, node_id: str) -> Mapping[str, str]:
    if node_id == context.node_id:
        return context.config.metadata
    return {} if runtime is None else runtime.links.profile(node_id).metadata


def _known_since(context: NodeContext, election: str) -> int:
    published = context.published_elections.get(election)
    known = None if published is None else published.leader
    return 0 if known is None else round(known.as_of * NS_PER_S)
