"""Second cables of a cluster's only gateway, on which it sends while its first change their key.

To other clusters they are one gateway more in its cluster's list: they hold cables to it and
accept from both, as with any standby. Annotations carry that list: upstream's peers see nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from submariner_core.api.model import Endpoint, GatewayEntry
from submariner_core.api.naming import DETOUR_SUFFIX, SLOTS
from submariner_core.reconcile.gateways import Retired
from submariner_core.reconcile.plan import Plan


def second_entry(own: Endpoint, driver: str, offer: Mapping[str, str], slot: int) -> GatewayEntry:
    """How a gateway lists its second cables, which are all ``driver``'s.

    Without a health-check address of their own: nobody moves there on what the first would answer.
    """
    endpoint = replace(
        own,
        cable_name=own.cable_name + DETOUR_SUFFIX,
        backend=driver,
        backend_config=dict(offer),
        health_check_ip=None,
    )
    return GatewayEntry(endpoint, slot)


def spare_slot(
    own: Endpoint, listed: Sequence[GatewayEntry], retired: Mapping[int, Retired]
) -> int | None:
    """A slot for second cables, which no other gateway has or had lately; ``None``: all taken."""
    used = {entry.slot for entry in listed}
    used |= {n for n, one in retired.items() if one.cable_name != own.cable_name + DETOUR_SUFFIX}
    return next((slot for slot in SLOTS if slot not in used), None)


def with_second(
    listed: tuple[GatewayEntry, ...], second: GatewayEntry | None
) -> tuple[GatewayEntry, ...]:
    """The list with the second cables behind the leader, where remotes hold cables to them.

    A gateway that came meanwhile and has their slot has the better right to it.
    """
    if second is None or second.slot in {entry.slot for entry in listed}:
        return listed
    return (*listed[:1], second, *listed[1:])


def needing(plan: Plan, driver: str) -> frozenset[str]:
    """The cables of a driver that carry, save those to upstream's peers, who know no second."""
    return frozenset(
        name
        for cluster_id, (by, name) in plan.carriers.items()
        if by == driver and plan.clusters[cluster_id].remote.endpoint.gateways is not None
    )
