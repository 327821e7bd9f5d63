"""What a campaign does next: read, renew, take, release the lease, or wait."""

from __future__ import annotations

from dataclasses import replace

from submariner_core.api.codec_annotations import MAX_EPOCH
from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election_actions import Read, Swap, WakeAt, Withdrawn
from submariner_core.reconcile.election_identity import host_of, names
from submariner_core.reconcile.election_state import LONG_AGO, NEVER, Campaign, Pending, Step


def plan(state: Campaign, now: float) -> Step:
    """The one request to make now, or when to wake; nothing while a request is in flight."""
    if state.pending is not None:
        return state, ()
    if state.unsure:
        return _ask(state, now)
    if state.leaving:
        return _leave(state, now)
    if state.holding:
        return _keep(state, now)
    return _contend(state, now)


def _ask(state: Campaign, now: float) -> Step:
    if now < state.not_before:
        return state, (WakeAt(state.not_before),)
    request = Read(state.timings.timeout(state.stretch))
    return replace(state, pending=Pending(request, now)), (request,)


def _leave(state: Campaign, now: float) -> Step:
    if state.holding:
        assert state.record is not None
        return _swap_when(state, replace(state.record, holder="", successor=""), now, LONG_AGO)
    if state.left:
        return state, ()
    return replace(state, left=True), (Withdrawn(released=False),)


def _keep(state: Campaign, now: float) -> Step:
    """Renew the lease; at once when what is stored is not what we want stored."""
    record = state.record
    assert record is not None
    raised = record.epoch < state.floor
    new = _own(state, _next_epoch(state) if raised else record.epoch)
    urgent = raised or new.successor != record.successor or not state.active
    cause = f"epoch {state.floor} was seen" if raised else "the lease is ours"
    due = LONG_AGO if urgent else state.renew_at
    return _swap_when(state, new, now, due, cause, or_wake=state.successor_until)


def _contend(state: Campaign, now: float) -> Step:
    due, cause = _opening(state)
    return _swap_when(state, _own(state, _next_epoch(state)), now, due, cause)


def _next_epoch(state: Campaign) -> int:
    """Above every epoch seen, except that there is a last one: a leader must be read at all."""
    return min(state.floor + 1, MAX_EPOCH - 1)


def _own(state: Campaign, epoch: int) -> LeaseRecord:
    duration = state.timings.duration * state.stretch
    return LeaseRecord(state.identity, epoch, duration, successor=state.successor)


def _opening(state: Campaign) -> tuple[float, str]:
    """From when on we may take the lease, and why."""
    record = state.record
    if record is None and state.active:
        return LONG_AGO, "our lease was deleted"
    if record is not None and record.holder:
        if state.reclaims and host_of(record.holder) == host_of(state.identity):
            return LONG_AGO, f"reclaimed from {record.holder}, which ran on this host"
        if state.ready and names(record.successor, state.identity):
            return LONG_AGO, f"named as successor by {record.holder}"
        cause = f"the lease of {record.holder} expired"
    else:
        cause = "the lease has no holder"
    wait = _place(state) * state.timings.retry_period
    if not state.ready:
        wait += state.timings.duration
    return state.free_at + wait, cause


def _place(state: Campaign) -> int:
    """Our place among the listed, the last holder left out; not listed is last."""
    ours = state.identity
    order = [
        entry for entry in state.order if names(entry, ours) or not names(entry, state.last_holder)
    ]
    return next((place for place, entry in enumerate(order) if names(entry, ours)), len(order))


def _swap_when(
    state: Campaign,
    new: LeaseRecord,
    now: float,
    due: float,
    cause: str = "",
    *,
    or_wake: float = NEVER,
) -> Step:
    """Swap in ``new`` if it is time, else wake when it is (or at ``or_wake``, if earlier)."""
    due = max(due, state.not_before)
    if now < due:
        return state, (WakeAt(min(due, or_wake)),)
    write_until = state.write_until
    if new.holder != state.identity or new.successor:
        write_until = LONG_AGO
    elif state.record is not None and new.duration < state.record.duration:
        # Should only the answer be lost, others wait no longer than what is now recorded.
        write_until = min(write_until, now + state.timings.deadline(new.duration))
    request = Swap(state.record, new, state.timings.timeout(state.stretch))
    state = replace(state, write_until=write_until, pending=Pending(request, now, cause))
    return state, (request,)
