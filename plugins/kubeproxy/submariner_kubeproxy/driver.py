"""The route driver: a node's overlay, steering, packet filter and sysctls, from one plan."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Network
from pathlib import Path

import structlog

from submariner_core.api.errors import RouteError, SubmarinerError
from submariner_core.api.naming import IPNetwork
from submariner_core.api.route import NodePlan, NodeState, OverlayPeer, RouteDriver
from submariner_core.kernel import Kernel, conntrack, nft, sysctl
from submariner_core.kernel.expressions import Object
from submariner_kubeproxy import host_firewall, overlay, packet_filter, tuning
from submariner_kubeproxy.node import NodeNetwork, find_cni, survey
from submariner_kubeproxy.options import KubeProxyOptions
from submariner_kubeproxy.steering import (
    MAIN,
    NEXTHOP,
    forget,
    move,
    sends_itself,
    steer,
    steering,
)

JOURNAL = "sysctls.json"
"""In the driver's state folder: the values that sysctls had before us."""

log = structlog.get_logger("submariner.kubeproxy")

Part = tuple[str, Callable[[], Awaitable[bool]]]


class KubeProxyDriver(RouteDriver):
    """Steers a node whose CNI leaves services to kube-proxy.

    Calls must not overlap: the route agent makes one at a time.
    """

    def __init__(self, options: KubeProxyOptions, state_dir: Path) -> None:
        self._options = options
        self._kernel = Kernel()
        self._journal = sysctl.Journal(state_dir / JOURNAL)
        self._node: OverlayPeer | None = None
        self._cluster_cidr: tuple[IPNetwork, ...] = ()
        self._plan: NodePlan | None = None
        self._network: NodeNetwork | None = None
        self._unreachable: tuple[OverlayPeer, ...] = ()

    async def open(self, node: OverlayPeer, cluster_cidr: Sequence[IPNetwork]) -> None:
        """See the contract."""
        self._node, self._cluster_cidr = node, tuple(cluster_cidr)
        network = await survey(self._kernel, node.address, self._cluster_cidr)
        await self._ensure_overlay(network, node)
        await self._tune(network)

    async def apply(self, plan: NodePlan) -> None:
        """See the contract."""
        previous, self._plan = self._plan, plan
        if previous is not None and _is_move(previous, plan):
            # What a failover waits for comes first; what fails here, the rest puts right.
            with contextlib.suppress(SubmarinerError):
                await self._move(previous, plan)
        await self._converge(plan)

    async def repair(self) -> bool:
        """See the contract."""
        return self._plan is not None and await self._converge(self._plan)

    async def observe(self) -> NodeState:
        """See the contract."""
        addresses = await self._kernel.addresses.list()
        cni = find_cni(addresses, self._cluster_cidr)
        link = await self._kernel.links.get(overlay.DEVICE)
        routes = await self._kernel.routes.list(MAIN)
        steered = tuple(route.destination for route in routes if route.nexthop == NEXTHOP)
        nexthops = await self._kernel.nexthops.list()
        via = next((one.via for one in nexthops if one.id == NEXTHOP), None)
        if via is None and self._node is not None and await sends_itself(self._kernel):
            via = overlay.overlay_address(self._node).ip
        gateways = self._plan.gateways if self._plan is not None else ()
        carries = next(
            (one.address for one in gateways if overlay.overlay_address(one).ip == via), None
        )
        if self._plan is not None and self._plan.carries_itself:
            carries, steered = self._plan.node.address, self._plan.remote_prefixes
        return NodeState(
            overlay_device=overlay.DEVICE if link is not None else None,
            overlay_mtu=link.mtu if link is not None else 0,
            cni_address=cni.interface.ip if cni is not None else None,
            prefixes=steered,
            carries=carries,
            message="; ".join(self._remarks(cni is not None)),
            via=via,
        )

    async def close(self) -> None:
        """See the contract."""
        await self._kernel.close()

    async def cleanup(self) -> None:
        """See the contract."""
        parts: tuple[Part, ...] = (
            ("accept rules", host_firewall.remove),
            ("packet filter", lambda: nft.delete_table(packet_filter.FAMILY, packet_filter.TABLE)),
            ("steering", lambda: forget(self._kernel)),
            ("overlay", lambda: overlay.remove_device(self._kernel)),
            ("sysctls", self._restore),
        )
        self._plan = None
        await _each(parts)

    async def _move(self, previous: NodePlan, plan: NodePlan) -> None:
        if plan.carries is not None and not plan.carries_itself:
            await move(self._kernel, plan.carries)
        if self._network is not None and previous.carries_itself != plan.carries_itself:
            await steer(self._kernel, steering(plan, self._network.cni_address))

    async def _converge(self, plan: NodePlan) -> bool:
        """Make all of it so; a part that fails does not keep the others from their turn."""
        network = await survey(self._kernel, plan.node.address, plan.cluster_cidr)
        self._network = network
        table = packet_filter.document(plan, self._options, network.cni_address)
        wanted = steering(plan, network.cni_address)
        parts: tuple[Part, ...] = (
            ("overlay", lambda: self._ensure_overlay(network, plan.node)),
            ("peers", lambda: self._know_peers(plan)),
            ("sysctls", lambda: self._tune(network)),
            ("packet filter", lambda: _filter(plan, table)),
            ("accept rules", lambda: host_firewall.accept_first(self._options.mark)),
            ("steering", lambda: steer(self._kernel, wanted)),
        )
        return await _each(parts)

    async def _ensure_overlay(self, network: NodeNetwork, node: OverlayPeer) -> bool:
        device = overlay.device(node, network.underlay_mtu)
        address = overlay.overlay_address(node)
        return await overlay.ensure_device(self._kernel, device, address)

    async def _know_peers(self, plan: NodePlan) -> bool:
        peers = (*plan.gateways, *plan.peers)
        known = overlay.distinct(plan.node, peers)
        self._unreachable = overlay.colliding(plan.node, peers)
        return await overlay.know_peers(self._kernel, known)

    async def _tune(self, network: NodeNetwork) -> bool:
        changed = False
        for name, value in tuning.wanted(network).items():
            if sysctl.read(name) is not None:  # conntrack's come with its module
                changed |= sysctl.ensure(name, value, self._journal)
        return changed

    async def _restore(self) -> bool:
        self._journal.restore()
        return True

    def _remarks(self, has_cni: bool) -> Iterable[str]:
        if not has_cni:
            cidrs = ", ".join(map(str, self._cluster_cidr)) or "no cluster CIDR"
            yield (
                f"no address of this node is in {cidrs}: its pods are served, but the host "
                "itself has no source address that other clusters could answer to"
            )
        for peer in self._unreachable:
            yield (
                f"node {peer.hostname}: {peer.address} differs from another node's address in "
                "the first octet only; the overlay cannot tell them apart"
            )


async def _filter(plan: NodePlan, table: Sequence[Object]) -> bool:
    """Load the table. What was masqueraded on its way to a remote cluster is so no longer.

    That are flows which began before the table knew the cluster: probes, for example, that would
    keep a source address which no cable of the remote accepts.
    """
    changed = await nft.replace_table(packet_filter.FAMILY, packet_filter.TABLE, table)
    if changed:
        await conntrack.forget_masqueraded(_ipv4(plan.cluster_cidr), _ipv4(plan.remote_prefixes))
    return changed


def _ipv4(prefixes: Iterable[IPNetwork]) -> tuple[IPv4Network, ...]:
    return tuple(prefix for prefix in prefixes if isinstance(prefix, IPv4Network))


def _is_move(previous: NodePlan, plan: NodePlan) -> bool:
    """Whether the way alone differs: it can be changed before all else is looked at."""
    same = previous.remote_prefixes == plan.remote_prefixes
    return same and previous.carries != plan.carries


async def _each(parts: Iterable[Part]) -> bool:
    """Do every part. True if one changed anything; raises what failed, named, after the last."""
    changed = False
    failures = []
    for name, do in parts:
        try:
            if await do():
                changed = True
                log.info("node-changed", part=name)
        except (SubmarinerError, OSError) as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise RouteError("; ".join(failures))
    return changed
