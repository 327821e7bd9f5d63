"""A gateway's state, taken step by step to where its plan leads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_network
from typing import Any

from submariner_core.api.cable import Cable, CableState, LocalGateway, Path
from submariner_core.api.info import Capability
from submariner_core.api.model import (
    Cluster,
    ConnectionStatus,
    Endpoint,
    EndpointObject,
    GatewayEntry,
)
from submariner_core.reconcile import state as states
from submariner_core.reconcile.cables import Connect, Step
from submariner_core.reconcile.paths import Verdict
from submariner_core.reconcile.plan import Plan, plan
from submariner_core.reconcile.remotes import remotes
from submariner_core.reconcile.state import Leadership, Site, State
from tests.reconcile.objects import endpoint, stored_endpoint
from tests.reconcile.sync_world import Store

OWN = endpoint(
    "east",
    1,
    subnets=["100.1.0.0/16", "10.1.0.0/16"],
    health_check_ip=IPv4Address("10.1.0.1"),
    backend_config={"ipsec/order": "1"},
)
BOTH = Capability.STANDBY | Capability.NAT
CLUSTER = Cluster("east", (ip_network("100.1.0.0/16"),), (ip_network("10.1.0.0/16"),))


def west(number: int = 9, **fields: Any) -> Endpoint:
    """West's gateway; its pods are 10.2.0.0/16, its health-check address among them."""
    values = {
        "subnets": ["10.2.0.0/16"],
        "health_check_ip": IPv4Address(f"10.2.{number}.1"),
        **fields,
    }
    return endpoint("west", number, **values)


def stored(spec: Endpoint, *standbys: Endpoint, epoch: int | None = 1) -> EndpointObject:
    """The copy of an Endpoint, with its list of gateways: ours, not upstream's."""
    listed = tuple(GatewayEntry(one, slot) for slot, one in enumerate((spec, *standbys)))
    return stored_endpoint(spec, origin=spec.cluster_id, epoch=epoch, gateways=listed)


@dataclass
class World:
    """One gateway of cluster ``east``; ``act`` and ``routed`` are its lanes and its router."""

    store: Store = field(default_factory=Store)
    state: State = field(
        default_factory=lambda: State(
            Site(CLUSTER, 2, {"vxlan": BOTH, "ipsec": BOTH}),
            own=LocalGateway(OWN, 0),
            leadership=Leadership(True, 3),
        )
    )
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    mtus: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = (GatewayEntry(OWN, 0),)
        self.store.put(stored_endpoint(OWN, epoch=3, gateways=own))
        self.store.snapshot()

    def put(self, *endpoints: EndpointObject) -> World:
        for one in endpoints:
            self.store.put(one)
        return self

    def plan(self, now: float = 0.0) -> Plan:
        """What the gateway would do, and what it remembers of having planned it."""
        self.state = replace(self.state, datastore=self.store.view)
        up = frozenset(name for name, one in self.verdicts.items() if one is Verdict.UP)
        found, _ = remotes(self.state, up, now)
        planned = plan(self.state, found, self.verdicts, now)
        self.state = replace(
            self.state,
            chosen={name: one.endpoint for name, one in found.items()},
            paths={name: one.choice.memory for name, one in planned.clusters.items()},
        )
        return planned

    def act(self, step: Step, *, error: str = "", now: float = 0.0) -> None:
        """A lane carries out one step; with an ``error``, it fails."""
        if isinstance(step, Connect):
            self.done.append(f"connect {step.driver} {step.cable.name}")
            if error:
                self.state = states.connect_failed(self.state, step.driver, step.cable, error, now)
            else:
                made = path(step.driver, step.cable)
                made = replace(made, mtu=self.mtus.get(step.cable.name, made.mtu))
                self.state = states.connected(self.state, step.driver, step.cable, made)
        else:
            self.done.append(f"disconnect {step.driver} {step.name}")
            self.state = states.disconnected(self.state, step.driver, step.name, error, now)

    def routed(self, planned: Plan) -> None:
        """The router carried the plan out."""
        self.done.append("route")
        self.state = replace(self.state, carriers=planned.carriers, routing_error="")

    def settle(self, now: float = 0.0) -> Plan:
        """Lanes first, then the router, until nothing is left to do."""
        for _ in range(20):
            planned = self.plan(now)
            todo = [steps[0] for steps in planned.steps.values()]
            for step in todo:
                self.act(step, now=now)
            if not todo:
                if planned.carriers == self.state.carriers and not self.state.routing_error:
                    return planned
                self.routed(planned)
        raise AssertionError(f"does not settle: {self.done}")

    def restart(self) -> None:
        """A new process: it knows what its drivers hold, and nothing else."""
        held = list(self.state.held)
        self.state = State(self.state.site, own=self.state.own, leadership=self.state.leadership)
        for driver in {driver for driver, _ in held}:
            seen = tuple(
                CableState(name, ConnectionStatus.CONNECTED) for d, name in held if d == driver
            )
            self.state = states.observed(self.state, driver, seen)


def path(driver: str, cable: Cable) -> Path:
    return Path(f"{driver}-device", cable.remote.private_ip, 1400)
