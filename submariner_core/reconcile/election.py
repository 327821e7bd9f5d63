"""The campaign for the lease: one pure state machine, the same for every lease store.

The lease changes hands in three cases only: it has no holder; its holder named a successor; it
has not changed for the holder's recorded duration on the observer's boot clock. (A process that
holds its host's lock takes what an earlier process of that host left.) Whoever takes the lease
raises the epoch in the same swap, above every epoch it has seen.

At most one request is in flight. A swap whose answer is lost may be carried out at any later
moment; it cannot do harm, because every swap that is known to be won changes the version.
"""

from __future__ import annotations

from dataclasses import replace

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election_actions import (
    Action,
    BecameActive,
    BecamePassive,
    HandOverEnded,
    Read,
    Swap,
    WakeAt,
    Withdrawn,
)
from submariner_core.reconcile.election_events import (
    EpochSeen,
    Event,
    HandOver,
    OrderChanged,
    ReadDone,
    ReadyChanged,
    StoreFailed,
    SwapLost,
    SwapWon,
    Tick,
    Watched,
    Withdraw,
)
from submariner_core.reconcile.election_identity import host_of, names
from submariner_core.reconcile.election_state import LONG_AGO, NEVER, Campaign, Pending

Step = tuple[Campaign, tuple[Action, ...]]


def step(state: Campaign, event: Event, now: float) -> Step:
    """Fold one event at the boot-clock moment ``now`` and say what to do next.

    Every request among the actions must be answered by exactly one event. Pure: the same
    arguments always give the same result.
    """
    state, told = _fold(state, event, now)
    state, ended = _end_hand_over(state, now)
    state, asked = _plan(state, now)
    return state, (*told, *ended, *asked)


# ---- folding


def _fold(state: Campaign, event: Event, now: float) -> Step:
    folded: Step = state, ()
    match event:
        case Watched():
            folded = _watched(state, event)
        case ReadDone():
            folded = _read(state, event)
        case SwapWon():
            folded = _won(state, event, now)
        case SwapLost():
            folded = replace(_answered(state, event.at), unsure=True, lost=True), ()
        case StoreFailed():
            folded = _failed(state, event), ()
        case ReadyChanged():
            folded = replace(state, ready=event.ready), ()
        case OrderChanged():
            folded = replace(state, order=event.order), ()
        case EpochSeen():
            folded = _epoch_seen(state, event.epoch), ()
        case HandOver():
            folded = _name(state, event.successor, now)
        case Withdraw():
            state, told = _step_down(state, "withdrawn")
            folded = replace(state, leaving=True), told
        case Tick():
            pass
    return folded


def _watched(state: Campaign, event: Watched) -> Step:
    """A watch may lag: against our own record only a higher epoch is proof, the rest a hint."""
    known, seen = state.record, event.record
    if not state.holding or known is None:
        return _adopt(state, seen, event.at)
    if seen is not None and seen.epoch > known.epoch:
        return _adopt(state, seen, event.at)
    if seen is not None and seen.holder == state.identity:
        return state, ()
    return replace(state, unsure=True), ()


def _read(state: Campaign, event: ReadDone) -> Step:
    state = _answered(state, event.at)
    if state.lost and not _changed(state.record, event.record):
        # The store refuses a swap and shows no reason: do not spin on it.
        state = replace(state, not_before=event.at + state.timings.retry_period)
    return _adopt(replace(state, lost=False), event.record, event.at)


def _adopt(state: Campaign, record: LeaseRecord | None, at: float) -> Step:
    """Take this as the lease's record, and go passive if it is another's."""
    free_at = state.free_at
    if record is None:
        # A record that vanished may still have a holder that writes: its time runs on.
        free_at = at if free_at == NEVER else free_at
    elif _changed(state.record, record):
        free_at = at + state.timings.recorded(record.duration) if record.holder else at
    state = replace(
        state,
        record=record,
        unsure=False,
        free_at=free_at,
        last_holder=(record.holder if record else "") or state.last_holder,
        floor=max(state.floor, record.epoch if record else 0),
    )
    if not state.active or record is None or state.holding:
        return state, ()
    if not record.holder:
        return _step_down(state, "the lease was released by somebody else")
    if names(state.successor, record.holder):
        return _step_down(state, f"handed over to {record.holder}", taken=True)
    return _step_down(state, f"{record.holder} took the lease")


def _changed(before: LeaseRecord | None, after: LeaseRecord | None) -> bool:
    if before is None or after is None:
        return before is not after
    return before.version != after.version


def _won(state: Campaign, event: SwapWon, now: float) -> Step:
    assert state.pending is not None
    pending, record = state.pending, event.record
    state = _answered(state, event.at)
    if state.record is not None and state.record.epoch > record.epoch:
        return state, ()  # the watch was faster: another has taken the lease since
    state, _ = _adopt(replace(state, lost=False), record, event.at)
    if not state.holding:
        return replace(state, left=True), (Withdrawn(released=True),)
    times = state.timings
    write_until = pending.since + times.deadline(times.recorded(record.duration))
    if record.successor or record.epoch < state.floor or state.leaving:
        write_until = LONG_AGO
    state = replace(state, write_until=write_until, renew_at=pending.since + times.retry_period)
    if now >= write_until or (state.active and state.epoch == record.epoch):
        return state, ()
    state = replace(state, active=True, epoch=record.epoch)
    return state, (BecameActive(record.epoch, pending.cause),)


def _answered(state: Campaign, at: float) -> Campaign:
    """The request in flight is over; what its answer took is how slow the store is."""
    assert state.pending is not None
    needed = state.timings.stretch_for(at - state.pending.since)
    state = replace(state, pending=None)
    if needed >= state.stretch:
        return replace(state, stretch=needed, calm=0)
    if state.calm + 1 < state.timings.calm:
        return replace(state, calm=state.calm + 1)
    return replace(state, stretch=state.stretch - 1, calm=0)


def _failed(state: Campaign, event: StoreFailed) -> Campaign:
    assert state.pending is not None
    not_before = state.pending.since + state.timings.retry_period
    state = replace(state, pending=None, not_before=not_before)
    if not event.slow:
        return state
    return replace(state, stretch=min(state.stretch + 1, state.timings.widest), calm=0)


def _epoch_seen(state: Campaign, epoch: int) -> Campaign:
    state = replace(state, floor=max(state.floor, epoch))
    if state.active and epoch > state.epoch:
        # Either another leads, or our epoch is too low: the next swap tells, until then no writes.
        return replace(state, write_until=LONG_AGO)
    return state


def _name(state: Campaign, successor: str, now: float) -> Step:
    if not state.active or not successor or names(successor, state.identity):
        return state, (HandOverEnded(successor, taken=False),)
    before = state.successor
    state = replace(state, successor=successor, successor_until=now + state.timings.hand_over)
    return state, (HandOverEnded(before, taken=False),) if before else ()


def _step_down(state: Campaign, cause: str, *, taken: bool = False) -> Step:
    told: tuple[Action, ...] = ()
    if state.active:
        told = (BecamePassive(state.floor, cause),)
    if state.successor:
        told = (*told, HandOverEnded(state.successor, taken))
    return replace(
        state, active=False, write_until=LONG_AGO, successor="", successor_until=NEVER
    ), told


# ---- planning


def _plan(state: Campaign, now: float) -> Step:
    if state.pending is not None:
        return state, ()
    if state.unsure:
        return _ask(state, now)
    if state.leaving:
        return _leave(state, now)
    if state.holding:
        return _keep(state, now)
    return _contend(state, now)


def _end_hand_over(state: Campaign, now: float) -> Step:
    if not state.successor or now < state.successor_until:
        return state, ()
    ended = HandOverEnded(state.successor, taken=False)
    return replace(state, successor="", successor_until=NEVER), (ended,)


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
    new = _own(state, state.floor + 1 if raised else record.epoch)
    urgent = raised or new.successor != record.successor or not state.active
    cause = f"epoch {state.floor} was seen" if raised else "the lease is ours"
    due = LONG_AGO if urgent else state.renew_at
    return _swap_when(state, new, now, due, cause, or_wake=state.successor_until)


def _contend(state: Campaign, now: float) -> Step:
    due, cause = _opening(state)
    return _swap_when(state, _own(state, state.floor + 1), now, due, cause)


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
