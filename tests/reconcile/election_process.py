"""One candidate of the exhaustive search, with the request it has in flight.

Time is discrete and every moment is relative to now, so that processes which differ only by when
they are compare equal. A process is a value; what happens to it makes another one, from which
every difference is dropped that cannot matter to anything that may still happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election import step
from submariner_core.reconcile.election_actions import Action, Request, Swap, WakeAt
from submariner_core.reconcile.election_events import Event, ReadDone, SwapLost, SwapWon, Watched
from submariner_core.reconcile.election_state import LONG_AGO, NEVER, Campaign, Pending

Answer = ReadDone | SwapWon | SwapLost
Step = Callable[[Campaign, Event, float], tuple[Campaign, tuple[Action, ...]]]

SKEW = 1000.0
"""Added in a second run of every step: no decision may depend on where a clock started."""
CURRENT, OLD, OTHER = "current", "old", "other"
"""Versions: the stored one, an earlier one that is known, an earlier one that is being told."""
NOTHING = LeaseRecord("", 0, 0.0)
EPOCH = 10
"""What the stored epoch is called in every world: only which epoch is higher matters."""


@dataclass(frozen=True, slots=True)
class Process:
    """``wake``: in how many ticks. ``answer``: what became of the request, not yet delivered."""

    state: Campaign
    wake: float = NEVER
    answer: Answer | None = None
    up: bool = True

    @property
    def request(self) -> Request | None:
        """The request in flight, unless the store has carried it out."""
        pending = self.state.pending
        return pending.request if pending is not None and self.answer is None else None

    @property
    def overdue(self) -> bool:
        """Whether the request in flight has used up its time."""
        pending = self.state.pending
        return pending is not None and -pending.since >= pending.request.timeout


def tell(process: Process, event: Event, rule: Step = step) -> Process:
    """Give an event to the real state machine; an event that answers ends the request."""
    state, actions = rule(process.state, event, 0.0)
    skewed, again = rule(_shift(process.state, SKEW), _heard_at(event, SKEW), SKEW)
    assert _shift(skewed, -SKEW) == state, "a decision depends on where the boot clock started"
    assert [type(action) for action in actions] == [type(action) for action in again]
    wake = next((action.at for action in actions if isinstance(action, WakeAt)), process.wake)
    answer = process.answer if state.pending is process.state.pending else None
    return _forget(Process(state, wake, answer))


def later(process: Process) -> Process:
    """The same process one tick later; a dead one does not age."""
    if not process.up:
        return process
    return _forget(replace(process, state=_shift(process.state, -1), wake=process.wake - 1))


def answered(process: Process, answer: Answer) -> Process:
    """The same process once the store has done what it asks; the answer is on its way."""
    return _forget(replace(process, answer=answer))


def outdate(process: Process, rise: int) -> Process:
    """The same process after a write: whatever it knows is not the stored record any more.

    ``rise`` is by how much the stored epoch rose, which is called the same afterwards.
    """
    if not process.up:
        return process
    process = _call_epochs(process, lambda epoch: epoch - rise)
    state, answer, pending = process.state, process.answer, process.state.pending
    if isinstance(answer, ReadDone | SwapWon) and answer.record is not None:
        known = state.record is not None and state.record.version == answer.record.version
        answer = replace(answer, record=_as_version(answer.record, OLD if known else OTHER))
    if answer is None and pending is not None and isinstance(pending.request, Swap):
        answer = SwapLost(0.0)  # it expects an old version: nothing else can become of it
    record = state.record and _as_version(state.record, OLD)
    return _forget(replace(process, state=replace(state, record=record), answer=answer))


def _call_epochs(process: Process, name: Callable[[int], int]) -> Process:
    state, answer, record = process.state, process.answer, process.state.record
    if record is not None:
        record = replace(record, epoch=name(record.epoch))
    if isinstance(answer, ReadDone | SwapWon) and answer.record is not None:
        answer = replace(answer, record=replace(answer.record, epoch=name(answer.record.epoch)))
    epoch = name(state.epoch) if state.active else 0
    floor = name(state.floor) if state.floor else 0
    state = replace(state, record=record, epoch=epoch, floor=floor)
    return replace(process, state=state, answer=answer)


def _epochs(process: Process) -> set[int]:
    state, answer = process.state, process.answer
    told = answer.record if isinstance(answer, ReadDone | SwapWon) else None
    found = {record.epoch for record in (state.record, told) if record is not None}
    return found | {state.floor} | ({state.epoch} if state.active else set())


def _as_version(record: LeaseRecord, version: str) -> LeaseRecord:
    return replace(record, version=version)


def _shift(state: Campaign, by: float) -> Campaign:
    pending = state.pending
    return replace(
        state,
        free_at=state.free_at + by,
        write_until=state.write_until + by,
        renew_at=state.renew_at + by,
        not_before=state.not_before + by,
        successor_until=state.successor_until + by,
        pending=pending and replace(pending, since=pending.since + by),
    )


def _heard_at(event: Event, at: float) -> Event:
    if isinstance(event, Watched | ReadDone | SwapWon | SwapLost):
        return replace(event, at=at)
    return event


def _forget(process: Process) -> Process:
    """Drop what cannot matter: for how long something has been due, what a lost swap was for."""
    past = sorted((epoch for epoch in _epochs(process) if 0 < epoch < EPOCH), reverse=True)
    if past:
        ranks = {epoch: EPOCH - 1 - rank for rank, epoch in enumerate(past)}
        process = _call_epochs(process, lambda epoch: ranks.get(epoch, epoch))
    process = _forget_request(process)
    state, times, record = process.state, process.state.timings, process.state.record
    if record is not None and record.version != CURRENT:
        record = _as_version(record, OLD)
    free_at = max(state.free_at, -times.duration - times.retry_period * len(state.order))
    if state.holding:
        free_at = 0.0  # counts only if the record vanished, and here it never does
    state = replace(
        state,
        record=record,
        free_at=free_at,
        last_holder=state.last_holder if state.order else "",
        write_until=state.write_until if state.write_until > 0 else LONG_AGO,
        renew_at=state.renew_at if state.renew_at > 0 and state.holding else LONG_AGO,
        not_before=state.not_before if state.not_before > 0 else LONG_AGO,
        successor_until=max(state.successor_until, 0.0),
    )
    idle = state.pending is not None and not state.successor
    return replace(process, state=state, wake=NEVER if idle else max(process.wake, 0.0))


def _forget_request(process: Process) -> Process:
    state, pending, answer = process.state, process.state.pending, process.answer
    if pending is None:
        return process
    request, times = pending.request, state.timings
    if isinstance(request, Swap):
        expected, new = request.expected, request.new
        if expected is not None and expected.version != CURRENT:
            answer = answer or SwapLost(0.0)
        if answer is not None:
            expected, new = None, NOTHING
        elif expected is not None:
            expected = _as_version(NOTHING, CURRENT)
        request = replace(request, expected=expected, new=new)
    oldest = max(times.deadline(times.duration * times.widest), times.timeout(times.widest))
    pending = Pending(request, max(pending.since, -oldest))
    return replace(process, state=replace(state, pending=pending), answer=answer)
