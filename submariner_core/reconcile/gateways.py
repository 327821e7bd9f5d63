"""The gateways of a cluster: the list that its leader publishes, and who has which slot.

A slot is a gateway's small number: it numbers ports and devices on both ends, so it stays with its
gateway, and is not given to another one while remotes may still send there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from submariner_core.api.model import GatewayEntry, GatewayObject
from submariner_core.api.naming import SLOTS

REUSE_AFTER = 60.0
"""Seconds for which the slot of a gateway that is gone is not given to another."""


@dataclass(frozen=True, slots=True)
class Retired:
    """A slot whose gateway is gone since ``since`` (seconds, boot clock); it may have it back."""

    cable_name: str
    since: float


def retire(
    before: Iterable[GatewayEntry],
    after: Iterable[GatewayEntry],
    retired: Mapping[int, Retired],
    now: float,
) -> dict[int, Retired]:
    """The retired slots once the list went from ``before`` to ``after``.

    Every gateway folds the lists it sees, so that the next leader knows them too.
    """
    used = {entry.slot for entry in after}
    gone = {e.slot: Retired(e.endpoint.cable_name, now) for e in before}
    return {
        slot: one
        for slot, one in {**retired, **gone}.items()
        if slot not in used and now - one.since < REUSE_AFTER
    }


def gateway_list(
    leader: GatewayEntry,
    previous: Sequence[GatewayEntry],
    live: Iterable[GatewayObject],
    retired: Mapping[int, Retired],
    now: float,
    *,
    successor: str | None = None,
) -> tuple[tuple[GatewayEntry, ...], dict[int, Retired]]:
    """The list to publish, and the retired slots to pass in next time.

    ``live`` are the Gateways whose records changed lately, as the caller judges by its boot clock;
    those of other clusters and the leader's own are passed over. Order: the leader, ``successor``
    (a cable name: whoever is to take over), the previous order, newcomers, draining ones last. A
    gateway for which no slot is left is not listed.
    """
    gateways = _by_cable(leader, live)
    places = {entry.endpoint.cable_name: place for place, entry in enumerate(previous)}
    slots = _slots(leader, previous, gateways, retired, now)

    def order(cable: str) -> tuple[bool, bool, int, int]:
        draining = gateways[cable].status.draining
        return (
            cable != successor,
            draining,
            places.get(cable, len(places)),
            slots[cable],
        )

    listed = sorted((cable for cable in gateways if cable in slots), key=order)
    entries = (
        leader,
        *(GatewayEntry(gateways[cable].status.local_endpoint, slots[cable]) for cable in listed),
    )
    return entries, retire(previous, entries, retired, now)


def own_slot(
    cable_name: str,
    listed: Sequence[GatewayEntry],
    gateways: Iterable[GatewayObject],
) -> int | None:
    """The slot to open devices with: for a gateway that starts, and whenever the list changes.

    The list decides; without it what this gateway stated before; else the lowest that nobody has.
    Of two that state the same slot the smaller cable name keeps it. ``None``: all are taken.
    """
    taken = {}
    for entry in listed:
        if entry.endpoint.cable_name == cable_name:
            return entry.slot
        taken[entry.slot] = entry.endpoint.cable_name
    known = {entry.endpoint.cable_name for entry in listed}
    stated = {
        gateway.status.local_endpoint.cable_name: gateway.status.slot for gateway in gateways
    }
    for cable in sorted(stated):
        if cable not in known:
            taken.setdefault(stated[cable], cable)
    mine = stated.get(cable_name)
    if mine is not None and taken[mine] == cable_name:
        return mine
    return next((slot for slot in SLOTS if slot not in taken), None)


def _by_cable(leader: GatewayEntry, live: Iterable[GatewayObject]) -> dict[str, GatewayObject]:
    """The other gateways of the leader's cluster; of two records for one cable the newer."""
    found: dict[str, GatewayObject] = {}
    for gateway in sorted(live, key=lambda gateway: (gateway.meta.created, gateway.meta.name)):
        endpoint = gateway.status.local_endpoint
        if endpoint.cluster_id == leader.endpoint.cluster_id:
            found[endpoint.cable_name] = gateway
    found.pop(leader.endpoint.cable_name, None)
    return found


def _slots(
    leader: GatewayEntry,
    previous: Sequence[GatewayEntry],
    gateways: Mapping[str, GatewayObject],
    retired: Mapping[int, Retired],
    now: float,
) -> dict[str, int]:
    """The slot of each gateway; one for which none is left is missing."""
    slots: dict[str, int] = {}
    free = set(SLOTS) - {leader.slot}
    blocked = retire(previous, (), retired, now)

    def give(cable: str, slot: int) -> None:
        if cable in gateways and cable not in slots and slot in free:
            slots[cable] = slot
            free.discard(slot)

    for entry in previous:
        give(entry.endpoint.cable_name, entry.slot)
    for cable in sorted(gateways):
        slot = gateways[cable].status.slot
        if slot not in blocked or blocked[slot].cable_name == cable:
            give(cable, slot)
    for cable in sorted(gateways):
        for slot in sorted(free - set(blocked)):
            give(cable, slot)
    return slots
