"""What a gateway says of itself: its Gateway object, from the state and the probes' verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from submariner_core.api.model import (
    Connection,
    ConnectionStatus,
    Gateway,
    GatewayObject,
    HAStatus,
    Metadata,
    Transition,
)
from submariner_core.api.naming import UPDATE_TIMESTAMP_ANNOTATION, sanitise
from submariner_core.api.transport import Kind
from submariner_core.reconcile.cables import HeldCable, WantedCable
from submariner_core.reconcile.health import Health, merge
from submariner_core.reconcile.plan import ClusterPlan, Plan
from submariner_core.reconcile.state import State

MOST_NAMED, LONGEST_REASON = 5, 200
"""How much is said of records that cannot be read: others may write many, and long ones."""


def connections(state: State, plan: Plan, health: Mapping[str, Health]) -> tuple[Connection, ...]:
    """A connection per wanted cable, and one per remote cluster that cannot have any."""
    found: list[Connection] = []
    refused = _refused(plan)
    for cluster_id, one in sorted(plan.clusters.items()):
        remarks = (*_remarks(one), *refused.get(cluster_id, ()))
        if not one.cables.cables:
            if one.cables.problem:
                found.append(_impossible(one, remarks))
            continue
        for want in one.cables.cables:
            held = state.held.get((want.driver, want.cable.name))
            seen = health.get(want.cable.name)
            found.append(_connection(state, want, held, seen, remarks))
    return tuple(found)


def _refused(plan: Plan) -> Mapping[str, list[str]]:
    """What to say of each cluster's prefixes that are not routed."""
    found: dict[str, list[str]] = {}
    for one in plan.admission.refused if plan.admission is not None else ():
        found.setdefault(one.cluster_id, []).append(f"({one.prefix} refused: {one.reason})")
    return found


def _impossible(one: ClusterPlan, remarks: tuple[str, ...]) -> Connection:
    rests = one.cables.rests
    status = ConnectionStatus.NONE if rests else ConnectionStatus.ERROR
    note = one.cables.problem if rests else " ".join((one.cables.problem, *remarks))
    return Connection(status, note, one.remote.endpoint.spec)


def _connection(
    state: State,
    want: WantedCable,
    held: HeldCable | None,
    health: Health | None,
    remarks: tuple[str, ...],
) -> Connection:
    seen = state.observed.get(want.driver, {}).get(want.cable.name)
    if held is not None and held.error:
        status, message = ConnectionStatus.ERROR, held.error
    elif held is None or held.path is None:
        status, message = ConnectionStatus.CONNECTING, "the cable is being made"
    elif seen is None:
        status, message = ConnectionStatus.CONNECTING, "the driver has not reported it yet"
    else:
        status, message = seen.status, seen.message
    status, message, latency = merge(status, message, health, want.cable.probe_remote)
    note = " ".join(filter(None, (message, *remarks)))
    return Connection(
        status=status,
        status_message=note,
        endpoint=want.cable.remote,
        using_ip=want.cable.address,
        using_nat=want.cable.nat,
        latency=latency,
    )


def _remarks(one: ClusterPlan) -> tuple[str, ...]:
    remarks = []
    if one.remote.stale:
        remarks.append("(stale epoch)")
    if one.remote.held:
        remarks.append("(held: its record is missing from the store)")
    return tuple(remarks)


def lasting(made: GatewayObject) -> GatewayObject:
    """Without what changes all the time: time-stamp, round-trip times, numbers in messages."""
    told = tuple(replace(one, latency=None, status_message="") for one in made.status.connections)
    return GatewayObject(
        replace(made.meta, annotations={}), replace(made.status, connections=told)
    )


def malformed(state: State) -> tuple[str, ...]:
    """What is stored and cannot be read, by store; the first few, since others write these."""
    stores = (("datastore", state.datastore), ("broker", state.broker))
    found = [
        f"{name}: {reason[:LONGEST_REASON]}"
        for name, view in stores
        if view is not None
        for ref, reason in sorted(view.malformed.items())
        if ref.kind is not Kind.ROUTE_AGENT  # upstream's lack what ours have
    ]
    more = len(found) - MOST_NAMED
    return (*found[:MOST_NAMED], *((f"and {more} more records",) if more > 0 else ()))


def gateway_object(
    state: State,
    plan: Plan,
    health: Mapping[str, Health],
    *,
    version: str,
    timestamp: int,
    transitions: tuple[Transition, ...] = (),
    failure: str = "",
    draining: bool = False,
    notes: Mapping[str, str] | None = None,
) -> GatewayObject | None:
    """This gateway's object, ``None`` until its devices are open.

    ``timestamp`` (Unix seconds) is for upstream's readers; nobody of ours compares it. ``notes``
    are further annotations.
    """
    if state.own is None:
        return None
    refusals = [
        f"{refusal.cluster_id}: {refusal.prefix}: {refusal.reason}"
        for refusal in (plan.admission.refused if plan.admission is not None else ())
    ]
    failures = [f"cable driver {name}: {why}" for name, why in sorted(state.open_failures.items())]
    failures.append(state.nat_problem)
    failures += malformed(state)
    active = state.leadership.active
    return GatewayObject(
        meta=Metadata(
            name=sanitise(state.own.endpoint.hostname),
            annotations={UPDATE_TIMESTAMP_ANNOTATION: str(timestamp), **(notes or {})},
        ),
        status=Gateway(
            version=version,
            ha_status=HAStatus.ACTIVE if active else HAStatus.PASSIVE,
            local_endpoint=state.own.endpoint,
            status_failure="; ".join(filter(None, (failure, *failures, *refusals))),
            connections=connections(state, plan, health),
            slot=state.own.slot,
            ready=not plan.reasons,
            draining=draining,
            epoch=state.leadership.epoch if active else None,
            transitions=transitions,
        ),
    )
