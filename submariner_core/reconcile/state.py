"""The gateway's state: one frozen value, folded from events by one task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from submariner_core.api.cable import Cable, CableState, LocalGateway, Path
from submariner_core.api.info import Capability
from submariner_core.api.model import Cluster, EndpointObject
from submariner_core.api.naming import IPAddress
from submariner_core.api.network import Nexthop
from submariner_core.reconcile.cables import CableKey, HeldCable
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.nat_discovery import Way
from submariner_core.reconcile.paths import Memory
from submariner_core.reconcile.stores import StoreView

FIRST_RETRY = 0.5
LONGEST_RETRY = 30.0


@dataclass(frozen=True, slots=True)
class Site:
    """What does not change while a gateway runs: its cluster, and what its drivers promise.

    ``evidence``: traffic moves when probes fail, and does not wait for a new leader.
    ``discovers``: NAT discovery runs.
    ``reserved`` are addresses that no remote prefix may contain: underlay, stores, API server.
    """

    cluster: Cluster
    warm: int
    capabilities: Mapping[str, Capability]
    reserved: tuple[IPAddress, ...] = ()
    evidence: bool = True
    discovers: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """All that the gateway's plan depends on.

    ``pin`` is the operator's word on who should lead (a host name, empty for nobody in
    particular) until it is stored; ``cordoned``: this node is told to be emptied. ``ways`` is what
    NAT discovery found by cable name, ``asked`` since when it looks for each, ``nat_problem`` why
    it cannot. ``underlay_mtu`` is what the drivers were opened on, 0 if unknown. ``inherited`` are
    an earlier process's nexthop objects by id, until it is known which cables carry. ``detours``
    are the paths of second cables, which are sent into instead of the first.
    """

    site: Site
    own: LocalGateway | None = None
    open_failures: Mapping[str, str] = field(default_factory=dict)
    underlay_mtu: int = 0
    leadership: Leadership = field(default_factory=Leadership)
    datastore: StoreView = field(default_factory=StoreView)
    broker: StoreView | None = None
    held: Mapping[CableKey, HeldCable] = field(default_factory=dict)
    observed: Mapping[str, Mapping[str, CableState]] = field(default_factory=dict)
    carriers: Mapping[str, CableKey] = field(default_factory=dict)
    routing_error: str = "not programmed yet"
    chosen: Mapping[str, EndpointObject] = field(default_factory=dict)
    paths: Mapping[str, Memory] = field(default_factory=dict)
    vetoes: Mapping[str, str] = field(default_factory=dict)
    kept_drivers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ways: Mapping[str, Way] = field(default_factory=dict)
    asked: Mapping[str, float] = field(default_factory=dict)
    nat_problem: str = ""
    pin: str | None = None
    cordoned: bool = False
    inherited: Mapping[int, Nexthop] = field(default_factory=dict)
    detours: Mapping[CableKey, Path] = field(default_factory=dict)

    @property
    def cluster_id(self) -> str:
        """The own cluster's id."""
        return self.site.cluster.cluster_id


def opened(
    state: State, own: LocalGateway, failures: Mapping[str, str], underlay_mtu: int
) -> State:
    """The drivers are open. With another MTU below them, every cable is made once more.

    What the plugins said of a pair depends on what this side offers: they are asked again.
    """
    held = state.held
    if underlay_mtu != state.underlay_mtu:
        held = {key: replace(cable, again=cable.path is not None) for key, cable in held.items()}
    return replace(
        state,
        own=own,
        open_failures=failures,
        underlay_mtu=underlay_mtu,
        kept_drivers={},
        held=held,
    )


def connected(state: State, driver: str, cable: Cable, path: Path) -> State:
    """A cable is made: it is held, with its path."""
    return _hold(state, HeldCable(driver, cable.name, cable, path))


def connect_failed(state: State, driver: str, cable: Cable, reason: str, now: float) -> State:
    """A cable could not be made: what was there before stays, and is tried again later."""
    before = state.held.get((driver, cable.name), HeldCable(driver, cable.name, cable))
    return _hold(state, _failed(before, reason, now))


def disconnected(state: State, driver: str, name: str, reason: str, now: float) -> State:
    """A cable is gone, or with a reason: could not be removed and is tried again later."""
    if reason:
        before = state.held.get((driver, name), HeldCable(driver, name))
        return _hold(state, _failed(before, reason, now))
    held = {key: cable for key, cable in state.held.items() if key != (driver, name)}
    return replace(state, held=held)


def observed(state: State, driver: str, states: tuple[CableState, ...]) -> State:
    """What a driver holds: an earlier process's cables are held too, lost ones lose their path.

    A vanished cable is connected again by the next plan.
    """
    by_name = {one.name: one for one in states if one.name is not None}
    held = dict(state.held)
    for name in by_name:
        held.setdefault((driver, name), HeldCable(driver, name))
    for key, cable in state.held.items():
        if key[0] == driver and key[1] not in by_name and cable.path is not None:
            held[key] = replace(cable, path=None)
    seen = {**state.observed, driver: by_name}
    if held == state.held and seen == state.observed:
        return state
    return replace(state, held=held, observed=seen)


def _hold(state: State, cable: HeldCable) -> State:
    return replace(state, held={**state.held, (cable.driver, cable.name): cable})


def _failed(cable: HeldCable, reason: str, now: float) -> HeldCable:
    failures = cable.failures + 1
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** (failures - 1))
    return replace(cable, error=reason, failures=failures, retry_at=now + wait)
