"""What a campaign learns from each event."""

from __future__ import annotations

from dataclasses import replace

from submariner_core.api.codec_annotations import MAX_EPOCH
from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election_actions import (
    Action,
    BecameActive,
    BecamePassive,
    HandOverEnded,
    Swap,
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
from submariner_core.reconcile.election_identity import names
from submariner_core.reconcile.election_state import LONG_AGO, NEVER, Campaign, Pending, Step


def fold(state: Campaign, event: Event, now: float) -> Step:
    """The state after this event, and what became of us by it."""
    folded: Step = state, ()
    match event:
        case Watched():
            folded = _watched(state, replace(event, record=_sane(event.record)))
        case ReadDone():
            folded = _read(state, replace(event, record=_sane(event.record)))
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
            folded = _name(state, event, now)
        case Withdraw():
            state, told = _step_down(state, "withdrawn")
            folded = replace(state, leaving=True), told
        case Tick():
            pass
    return folded


def _sane(record: LeaseRecord | None) -> LeaseRecord | None:
    """The record; with an epoch that no reader would take, as one that has none."""
    if record is None or record.epoch < MAX_EPOCH:
        return record
    return replace(record, epoch=0)


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
    if state.blind and event.record is not None and event.record.holder:
        # Its holder could not renew either: it has the first turn, once its last request is over.
        first = state.timings.timeout(state.stretch) + state.timings.retry_period
        state = replace(state, free_at=max(state.free_at, event.at + first))
    state = _answered(replace(state, blind=False), event.at)
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
        reason = f": {state.why}" if state.why else ""
        return _step_down(state, f"handed over to {record.holder}{reason}", taken=True)
    return _step_down(state, f"{record.holder} took the lease")


def _changed(before: LeaseRecord | None, after: LeaseRecord | None) -> bool:
    if before is None or after is None:
        return before is not after
    return before.version != after.version


def _won(state: Campaign, event: SwapWon, now: float) -> Step:
    assert state.pending is not None
    pending, record = state.pending, event.record
    evidence = _silence(state, pending)
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
    return state, (BecameActive(record.epoch, pending.cause, evidence),)


def _silence(state: Campaign, pending: Pending) -> str:
    """For how long the lease that was taken had not been renewed, if it had expired."""
    taken = pending.request.expected if isinstance(pending.request, Swap) else None
    if taken is None or taken.holder in ("", state.identity) or pending.since < state.free_at:
        return ""
    duration = state.timings.recorded(taken.duration)
    return f"no renewal for {pending.since - state.free_at + duration:.1f} s"


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
    if not state.holding:
        state = replace(state, unsure=True, blind=True)
    if not event.slow:
        return state
    return replace(state, stretch=min(state.stretch + 1, state.timings.widest), calm=0)


def _epoch_seen(state: Campaign, epoch: int) -> Campaign:
    if epoch >= MAX_EPOCH:
        return state
    state = replace(state, floor=max(state.floor, epoch))
    if state.active and epoch > state.epoch:
        # Either another leads, or our epoch is too low: the next swap tells, until then no writes.
        return replace(state, write_until=LONG_AGO)
    return state


def _name(state: Campaign, event: HandOver, now: float) -> Step:
    successor = event.successor
    if not state.active or not successor or names(successor, state.identity):
        return state, (HandOverEnded(successor, taken=False),)
    before = state.successor
    until = now + state.timings.hand_over
    state = replace(state, successor=successor, successor_until=until, why=event.why)
    return state, (HandOverEnded(before, taken=False),) if before else ()


def _step_down(state: Campaign, cause: str, *, taken: bool = False) -> Step:
    told: tuple[Action, ...] = ()
    if state.active:
        told = (BecamePassive(state.floor, cause),)
    if state.successor:
        told = (*told, HandOverEnded(state.successor, taken))
    return replace(
        state, active=False, write_until=LONG_AGO, successor="", successor_until=NEVER, why=""
    ), told


def end_hand_over(state: Campaign, now: float) -> Step:
    """Name a successor no longer once its time is over."""
    if not state.successor or now < state.successor_until:
        return state, ()
    ended = HandOverEnded(state.successor, taken=False)
    return replace(state, successor="", successor_until=NEVER, why=""), (ended,)
