"""Which cables a gateway holds to one remote cluster, and the order in which it gets there.

Every gateway among the first of its own cluster's list holds a cable to each of the first of the
other's, whether it leads or not; leadership decides only which of them carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from submariner_core.api.cable import NO_STANDBY, STANDBY, Cable, Path
from submariner_core.api.info import Capability
from submariner_core.api.model import Endpoint, EndpointObject, GatewayEntry
from submariner_core.api.naming import IPNetwork
from submariner_core.reconcile.drivers import NoCommonDriver, choose_driver, offers, view_for
from submariner_core.reconcile.nat_discovery import Way, assumed

DEFAULT_PORT = 4500

CableKey = tuple[str, str]
"""Driver name and cable name: while a pair changes its driver, two cables have one name."""


@dataclass(frozen=True, slots=True)
class OwnSide:
    """What the plan must know of this gateway.

    ``place`` is this gateway's place in its cluster's list (0 leads), ``None`` when it is not in
    it; ``leads`` says that the own cluster's Endpoint in use is this gateway's. ``ways`` is what
    NAT discovery found, by cable name.
    """

    endpoint: Endpoint
    place: int | None
    leads: bool
    warm: int
    capabilities: Mapping[str, Capability]
    ways: Mapping[str, Way] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedCable:
    """A cable and the driver that makes it."""

    driver: str
    cable: Cable


@dataclass(frozen=True, slots=True)
class HeldCable:
    """A cable that is there, or was tried.

    ``cable`` is ``None`` for one that an earlier process left and this one has not yet taken over;
    ``path`` is ``None`` until the driver has made it; ``error`` is the last failure's text, after
    ``failures`` in a row, and ``retry_at`` (boot clock) when to try again. ``again``: what it was
    made upon has changed, so it is to be made once more; until then it serves as it is.
    """

    driver: str
    name: str
    cable: Cable | None = None
    path: Path | None = None
    error: str = ""
    failures: int = 0
    retry_at: float = 0.0
    again: bool = False

    @property
    def inherited(self) -> bool:
        """Left by an earlier process and not taken over yet."""
        return self.cable is None


@dataclass(frozen=True, slots=True)
class CablePlan:
    """The cables to one remote cluster, the leader's first; ``problem``: why there is none.

    ``rests``: none is wanted of this gateway, so that their absence is no fault.
    """

    cables: tuple[WantedCable, ...] = ()
    leader: str | None = None
    problem: str = ""
    rests: bool = False


@dataclass(frozen=True, slots=True)
class Connect:
    """Make a cable so."""

    driver: str
    cable: Cable


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Remove a cable."""

    driver: str
    name: str


Step = Connect | Disconnect


def plan_cables(
    own: OwnSide,
    remote: EndpointObject,
    kept: Sequence[str] | None = None,
    admitted: tuple[IPNetwork, ...] | None = None,
) -> CablePlan:
    """The cables that this gateway should hold to ``remote``'s cluster.

    ``kept`` are the drivers that policy left over (``None``: all). ``admitted`` are the prefixes
    that every cable accepts (``None``: what the Endpoint claims), whatever its list of gateways
    says of them: what is another cluster's never comes to a driver.
    """
    if own.place is not None and own.place >= own.warm:
        return CablePlan(problem="not among the gateways that hold cables", rests=True)
    accepted = remote.spec.subnets if admitted is None else admitted
    if remote.spec.subnets and not accepted:
        return CablePlan(problem="none of its prefixes is admitted")
    choice = choose_driver(own.endpoint, remote.spec, kept)
    if isinstance(choice, NoCommonDriver):
        return CablePlan(problem=choice.message)
    standby = _standby(own, remote.spec, choice)
    entries: tuple[GatewayEntry, ...] = ()
    if remote.gateways is None:
        # An upstream peer knows one gateway of ours: the one whose Endpoint it has.
        if own.leads:
            entries = (GatewayEntry(remote.spec, 0),)
        problem = "" if entries else "an upstream peer connects to the active gateway only"
    else:
        listed = (one for one in _leader_first(remote) if _offers(one.endpoint, choice))
        entries = tuple(listed)[: own.warm if standby else 1]
        problem = ""
        if not standby and not own.leads:
            return CablePlan(problem=f"{choice} holds no standby cables", rests=True)
    cables = tuple(
        WantedCable(choice, _cable(own, entry, choice, accepted, remote.gateways is not None))
        for entry in entries
    )
    leader = remote.spec.cable_name if cables else None
    return CablePlan(cables, leader, problem, rests=not cables)


def _standby(own: OwnSide, remote: Endpoint, driver: str) -> bool:
    """Whether several cables to one cluster work: by the plugin's word, and on both nodes."""
    return Capability.STANDBY in own.capabilities.get(driver, Capability.NONE) and all(
        view_for(end, driver).backend_config.get(STANDBY) != NO_STANDBY
        for end in (own.endpoint, remote)
    )


def _offers(remote: Endpoint, driver: str) -> bool:
    """A gateway may offer less than its leader: its second cables are one driver's."""
    return any(offer.name == driver for offer in offers(remote))


def _leader_first(remote: EndpointObject) -> tuple[GatewayEntry, ...]:
    """The list, led by the Endpoint itself: its own spec is newer than what a list repeats."""
    listed = remote.gateways or ()
    slot = next((e.slot for e in listed if e.endpoint.cable_name == remote.spec.cable_name), 0)
    others = (e for e in listed if e.endpoint.cable_name != remote.spec.cable_name)
    return (GatewayEntry(remote.spec, slot), *others)


def _cable(
    own: OwnSide,
    entry: GatewayEntry,
    driver: str,
    accepted: tuple[IPNetwork, ...],
    ours: bool,
) -> Cable:
    remote = replace(view_for(entry.endpoint, driver), subnets=accepted)
    way = _way(own, remote, driver)
    return Cable(
        name=remote.cable_name,
        remote=remote,
        slot=entry.slot,
        address=way.address(remote),
        port=udp_port(remote),
        nat=way.nat,
        probe_local=own.endpoint.health_check_ip,
        probe_remote=remote.health_check_ip,
        ours=ours,
    )


def _way(own: OwnSide, remote: Endpoint, driver: str) -> Way:
    if Capability.NAT not in own.capabilities.get(driver, Capability.NONE):
        return Way(public=False, nat=False)
    return own.ways.get(remote.cable_name) or assumed(remote)


def udp_port(remote: Endpoint) -> int:
    """The port that an endpoint, as its driver sees it, advertises; upstream's without one."""
    text = remote.backend_config.get("udp-port", "")
    if text.isascii() and text.isdecimal() and 0 < int(text) <= 65535:
        return int(text)
    return DEFAULT_PORT


def steps(
    wanted: Sequence[WantedCable],
    held: Sequence[HeldCable],
    routed: frozenset[CableKey],
    now: float,
    *,
    settled: bool,
) -> tuple[Step, ...]:
    """What to do next, connects before disconnects.

    A cable that is still routed to is never removed: the routes move first, and the next plan
    removes it. Nothing is removed before ``settled``: the first full Snapshot has come. What
    failed waits until its ``retry_at``.
    """
    by_name = {(cable.driver, cable.name): cable for cable in held}
    wanted_keys = {(want.driver, want.cable.name) for want in wanted}
    connects: list[Step] = []
    for want in wanted:
        have = by_name.get((want.driver, want.cable.name))
        if have is not None and have.retry_at > now:
            continue
        stands = have is not None and have.path is not None and not (have.again or have.error)
        if have is None or not stands or have.cable != want.cable:
            connects.append(Connect(want.driver, want.cable))
    disconnects: list[Step] = []
    if settled:
        disconnects = [
            Disconnect(cable.driver, cable.name)
            for cable in held
            if (cable.driver, cable.name) not in wanted_keys
            and (cable.driver, cable.name) not in routed
            and cable.retry_at <= now
        ]
    return (*connects, *disconnects)
