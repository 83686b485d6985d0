"""The findings about the peers, and about the running node, given what is known of them."""

from collections.abc import Iterator, Mapping

from elect.cli.diagnosing.finding import Finding, Severity, good
from elect.cli.diagnosing.peer_facts import ClusterFacts, PeerFacts
from elect.cli.status_table import cluster_state, entries
from elect.config.config import Config
from elect.config.durations import format_ns
from elect.config.shown_settings import settings_of
from elect.core.configuration import ClusterState
from elect.core.snapshot import WhyNoLeader
from elect.mirror.mirror_values import MirrorPhase

NOTICED = ("python",)
"""Settings that may differ for a time without harm."""


def judge_cluster(config: Config, facts: ClusterFacts) -> Iterator[Finding]:
    """Yield the findings about the running node and all of its peers."""
    if facts.unasked is not None:
        yield Finding(
            severity=Severity.NOTICE,
            subject="this node",
            measured=f"{facts.unasked}, so it cannot be asked",
            why="clocks, proxies, settings of peers, and whether the peers reach it, are not known",
            remedy="set [http] listen, or stop the node while the doctor looks",
        )
    own: Mapping[str, object] = settings_of(config)
    if facts.status is not None:
        yield from _judge_status(config, facts.status)
        running = facts.status.get("settings")
        if isinstance(running, Mapping):
            yield from _differences("this node", running, own)
            own = running
    for name, peer in facts.peers.items():
        yield from _judge_peer(name, peer, config)
        yield from _differences(f"peer {name}", peer.settings, own)


def _judge_status(config: Config, status: Mapping[str, object]) -> Iterator[Finding]:
    for election in entries(status, "elections"):
        why = election.get("why_no_leader")
        if election.get("name") == "default" and isinstance(why, Mapping):
            yield _judge_vacancy(str(why.get("code")), str(why.get("text")))
    faults = {"is_storing": "it cannot write to data_dir", "is_healthy": "its health callable fails or is late"}
    for name, measured in faults.items():
        if status.get(name) is False:
            yield Finding(
                severity=Severity.ERROR,
                subject="this node",
                measured=measured,
                why="it is no candidate until that is over",
                remedy="see its log",
            )
    if cluster_state(status) == ClusterState.STANDBY:
        yield _judge_mirror(status.get("mirror"))
    doubled = status.get("doubled")
    for text in doubled.values() if isinstance(doubled, Mapping) else ():
        yield Finding(
            severity=Severity.ERROR,
            subject="this node",
            measured=str(text),
            why="of two processes with one id each undoes the links of the other",
            remedy="stop one of the two, or give it another id and data_dir",
        )
    voters = status.get("voters")
    if config.peers and isinstance(voters, list) and set(map(str, voters)) != config.voters:
        yield Finding(
            severity=Severity.NOTICE,
            subject="this node",
            measured=f"the file lists {' '.join(sorted(config.voters))}; the voters are {' '.join(map(str, voters))}",
            why="[peers] counts at the first start of a cluster only; the members in data_dir are used",
            remedy="correct the list, so that it misleads nobody; elect members changes the members",
        )


def _judge_mirror(mirror: object) -> Finding:
    """Judge the mirror of a node whose cluster stands by."""
    subject = "this node"
    if not isinstance(mirror, Mapping):
        return Finding(
            severity=Severity.WARNING,
            subject=subject,
            measured="its cluster stands by, and this node has no mirror",
            why="it does not follow the source, so it refuses to promote its cluster",
            remedy="add [mirror] with source, the same on all nodes, and restart it",
        )
    state = mirror.get("state")
    if state == MirrorPhase.FOLLOWING:
        return good(subject, "its mirror follows the source")
    problem = mirror.get("error") or mirror.get("last_error")
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        measured=f"its mirror does not follow: {state}{f'; {problem}' if problem else ''}",
        why="it may not know the latest terms of the source; a promotion through it may be refused",
        remedy="see elect mirror status, and whether the source can be reached",
    )


def _judge_vacancy(code: str, text: str) -> Finding:
    """Judge why the node knows no leader: its cluster may be one that elects nobody."""
    subject = "this node"
    match code:
        case WhyNoLeader.STANDBY:
            return good(subject, text)
        case WhyNoLeader.SEALED:
            return Finding(
                severity=Severity.NOTICE,
                subject=subject,
                measured="its cluster is sealed",
                why=text,
                remedy="stop it when nobody asks it any more",
            )
        case _:
            return Finding(
                severity=Severity.WARNING,
                subject=subject,
                measured="it knows no leader of the election 'default'",
                why=text,
                remedy="see the other findings; during an election wait, and run the doctor again",
            )


def _judge_peer(name: str, peer: PeerFacts, config: Config) -> Iterator[Finding]:
    subject = f"peer {name}"
    if peer.fault is not None:
        yield Finding(
            severity=Severity.ERROR,
            subject=subject,
            measured=f"{peer.address} {peer.fault}",
            why="the two nodes cannot support each other",
            remedy="start it, or correct its address, its list of peers, the cluster's name or the firewall between",
        )
    else:
        yield good(subject, f"{peer.address} answers and agrees")
    if peer.is_direct is not None and (proxy := _judge_proxy(subject, config, is_direct=peer.is_direct)):
        yield proxy
    if peer.drift is not None:
        yield _judge_drift(f"clock of {name}", peer.drift.proven, config.clock_drift)


def _judge_proxy(subject: str, config: Config, *, is_direct: bool) -> Finding | None:
    if is_direct or config.trust_close is False:
        return None
    measured = "a proxy or a translation of addresses ends its links: the two ends see different addresses"
    if config.trust_close is True:
        return Finding(
            severity=Severity.ERROR,
            subject=subject,
            measured=f"{measured}; trust_close is true",
            why="the proxy can close a link while both nodes run: then two nodes may lead at the same time",
            remedy='set trust_close = "auto" on all nodes',
        )
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        measured=measured,
        why="the end of a link proves nothing, so a crash is noticed when support expires, after"
        f" {format_ns(config.support_duration_ns)}, instead of at once",
        remedy="let the nodes dial each other directly; or set trust_close = false, if the proxy has to stay",
    )


def _judge_drift(subject: str, proven: float, bound: float) -> Finding:
    measured = f"its speed differs by at least {proven:.3%}; clock_drift is {bound:g} ({bound:.1%})"
    if proven <= bound / 2:
        return good(subject, measured)
    return Finding(
        severity=Severity.ERROR if proven > bound else Severity.WARNING,
        subject=subject,
        measured=measured,
        why="leases are safe as long as no two clocks differ by more than clock_drift",
        remedy="see the clock source of both machines, and whether one of them was suspended or moved while it ran;"
        " else set a higher clock_drift on all nodes",
    )


def _differences(subject: str, shown: Mapping[str, object], own: Mapping[str, object]) -> Iterator[Finding]:
    """Yield the settings that differ: those that a node shows, and those of this file or of the running node."""
    is_peer = subject != "this node"
    for name, value in own.items():
        if shown.get(name, value) != value:
            yield Finding(
                severity=Severity.NOTICE if name in NOTICED else Severity.WARNING,
                subject=subject,
                measured=f"{name} is {shown[name]}; {'this node' if is_peer else 'this file or program'} has {value}",
                why=_reason(name) if is_peer else "it runs with what it read at its start",
                remedy=f"give all nodes the same {name}, and restart them in turn" if is_peer else "restart the node",
            )


def _reason(name: str) -> str:
    match name:
        case "elect" | "python":
            return "a cluster of two versions is meant to last as long as an upgrade"
        case "clock_drift":
            return "the lower value has to hold for both clocks, and only one node allows for more"
        case "heartbeat_interval" | "support_duration":
            return "a failover takes the longest support_duration, and candidates take turns by their own interval"
        case _:
            return "which node leads, or when it is noticed that one does not, depends on who decides"
