"""The campaign's effects: carries out what ``reconcile.election`` decides on a lease store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import structlog

from submariner_core.api.errors import StoreError
from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_core.daemon.clock import Clock, boot_clock
from submariner_core.daemon.complaint import Complaint
from submariner_core.reconcile.election import step
from submariner_core.reconcile.election_actions import (
    Action,
    BecameActive,
    BecamePassive,
    HandOverEnded,
    Read,
    Request,
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
from submariner_core.reconcile.election_state import Campaign, Leadership, may_write
from submariner_core.reconcile.election_timings import Timings

SHORTEST_WAIT = 0.001
"""Seconds. The loop's clock and the boot clock are two: never wake a hair too early, and spin."""

log = structlog.get_logger("submariner.election")


class Elector:
    """One gateway's candidacy. All methods belong to one event loop; none blocks.

    ``on_change`` is called, never re-entrantly, whenever this gateway becomes active or passive,
    or its epoch is raised. ``reclaims``: this process holds its host's lock (see
    :class:`~submariner_core.daemon.lock.HostLock`). ``clock`` gives boot-clock seconds.
    """

    def __init__(
        self,
        store: LeaseStore,
        identity: str,
        timings: Timings,
        on_change: Callable[[Leadership], None],
        *,
        reclaims: bool = False,
        clock: Clock = boot_clock,
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._state = Campaign(identity, timings, reclaims=reclaims)
        self._leadership = Leadership()
        self._away = Complaint(log, "lease-store-failed", "lease-store-back")
        self._deaf = Complaint(log, "lease-watch-lost", "lease-watch-back")
        self._events: deque[Event] = deque()
        self._feeding = False
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._wake_at: float | None = None
        self._rearmed = asyncio.Event()
        self._hand_overs: dict[str, asyncio.Future[bool]] = {}
        self._withdrawal: asyncio.Future[bool] | None = None

    # ---- what is known

    @property
    def identity(self) -> str:
        """The holder string of this process."""
        return self._state.identity

    @property
    def leadership(self) -> Leadership:
        """The role, as last told to ``on_change``."""
        return self._leadership

    @property
    def record(self) -> LeaseRecord | None:
        """The lease as last seen, for people to look at."""
        return self._state.record

    def may_write(self) -> bool:
        """Whether this gateway may write for its cluster at this very moment.

        Ask right before each write: it ends by the clock, without any event, when renewals fail,
        and while a successor is named. ``leadership`` may say ``active`` for longer.
        """
        return may_write(self._state, self._clock())

    # ---- what the gateway tells

    def set_ready(self, ready: bool) -> None:
        """Whether this gateway could carry the traffic now; it starts as not ready."""
        self._feed(ReadyChanged(ready))

    def set_order(self, order: Iterable[str]) -> None:
        """The *ready* gateways of the last list, in order, as host names or identities."""
        self._feed(OrderChanged(tuple(order)))

    def epoch_seen(self, epoch: int) -> None:
        """The highest epoch of the own cluster's objects, at the datastore or the broker."""
        self._feed(EpochSeen(epoch))

    def stale(self, stored: int) -> None:
        """A write was refused with ``StaleEpoch(stored)``.

        Writing stops. If the lease is still ours, ``on_change`` follows with a higher epoch.
        """
        self._feed(EpochSeen(stored))

    async def hand_over(self, successor: str, why: str = "") -> bool:
        """Name a successor (identity or host name) and wait until it has taken the lease.

        ``why`` becomes part of the cause that is told.
        ``False``: we do not lead, or it did not come in time (5 s) and is no longer named; name
        the next one, keep going, or withdraw. Writing is suspended meanwhile. Needs :meth:`run`.
        """
        ended = self._hand_overs.get(successor)
        if ended is None:
            ended = asyncio.get_running_loop().create_future()
            self._hand_overs[successor] = ended
            self._feed(HandOver(successor, why))
        return await asyncio.shield(ended)

    async def withdraw(self) -> bool:
        """Contend no more; release the lease if it is ours. ``True`` if it was released.

        For the exit: bounded by the lease's duration, after which it expires by itself.
        Needs :meth:`run` to go on meanwhile.
        """
        if self._withdrawal is None:
            self._withdrawal = asyncio.get_running_loop().create_future()
            self._feed(Withdraw())
        try:
            async with asyncio.timeout(self._state.timings.duration):
                return await asyncio.shield(self._withdrawal)
        except TimeoutError:
            log.warning("lease-not-released", reason="the store did not answer in time")
            return False

    # ---- the loop

    async def run(self) -> None:
        """Campaign until cancelled, once. A store that is away or misbehaves never ends this.

        A lease that is ours when this is cancelled expires by itself: :meth:`withdraw` first.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry_out_requests())
                tasks.create_task(self._watch())
                tasks.create_task(self._wake())
                self._feed(Tick())
        finally:
            for waiting in (*self._hand_overs.values(), self._withdrawal):
                if waiting is not None and not waiting.done():
                    waiting.set_result(False)

    def _feed(self, event: Event) -> None:
        """Step at once; an event fed from within ``on_change`` waits for its turn."""
        self._events.append(event)
        if self._feeding:
            return
        self._feeding = True
        try:
            while self._events:
                event = self._events.popleft()
                self._state, actions = step(self._state, event, self._clock())
                for action in actions:
                    self._act(action)
        finally:
            self._feeding = False

    def _act(self, action: Action) -> None:
        match action:
            case Swap() | Read():
                self._tell_taking(action)
                self._requests.put_nowait(action)
            case WakeAt():
                self._wake_at = action.at
                self._rearmed.set()
            case BecameActive():
                self._tell(Leadership(True, action.epoch, action.cause, action.evidence))
            case BecamePassive():
                self._tell(Leadership(False, action.epoch, action.cause))
            case HandOverEnded():
                ended = self._hand_overs.pop(action.successor, None)
                if ended is not None and not ended.done():
                    ended.set_result(action.taken)
            case Withdrawn():
                if self._withdrawal is not None and not self._withdrawal.done():
                    self._withdrawal.set_result(action.released)

    def _tell_taking(self, request: Request) -> None:
        """Say why the lease is being taken; not that it is renewed."""
        pending = self._state.pending
        if isinstance(request, Swap) and request.new.holder and not self._state.holding:
            log.info("taking-the-lease", cause=pending.cause if pending is not None else "")

    def _tell(self, leadership: Leadership) -> None:
        self._leadership = leadership
        log.info(
            "leadership-changed",
            active=leadership.active,
            epoch=leadership.epoch,
            cause=leadership.cause,
            evidence=leadership.evidence,
        )
        try:
            self._on_change(leadership)
        except Exception:
            log.exception("leadership-observer-failed")

    async def _carry_out_requests(self) -> None:
        while True:
            request = await self._requests.get()
            self._feed(await self._carry_out(request))

    async def _carry_out(self, request: Request) -> Event:
        """The one event that answers this request."""
        try:
            async with asyncio.timeout(request.timeout):
                answer = await self._answer(request)
        except TimeoutError:
            self._away.about(f"no answer within {request.timeout:g} s")
            return StoreFailed(slow=True)
        except (StoreError, OSError) as error:
            self._away.about(str(error))
            return StoreFailed(slow=False)
        except Exception as error:  # noqa: BLE001 - no plugin ends the campaign
            self._away.about(repr(error), error)
            return StoreFailed(slow=False)
        self._away.settled()
        return answer

    async def _answer(self, request: Request) -> Event:
        if isinstance(request, Read):
            return ReadDone(await self._store.read(), self._clock())
        stored = await self._store.swap(request.expected, request.new)
        at = self._clock()
        return SwapLost(at) if stored is None else SwapWon(stored, at)

    async def _watch(self) -> None:
        while True:
            started = self._clock()
            try:
                async for record in self._store.watch():
                    self._deaf.settled()
                    self._feed(Watched(record, self._clock()))
            except (StoreError, OSError, TimeoutError) as error:
                self._deaf.about(str(error))
            except Exception as error:  # noqa: BLE001 - no plugin ends the campaign
                self._deaf.about(repr(error), error)
            rest = started + self._state.timings.retry_period - self._clock()
            if rest > 0:
                await asyncio.sleep(rest)

    async def _wake(self) -> None:
        while True:
            self._rearmed.clear()
            wait = None if self._wake_at is None else self._wake_at - self._clock()
            if wait is not None and wait > 0:
                wait = max(wait, SHORTEST_WAIT)
            try:
                async with asyncio.timeout(wait):
                    await self._rearmed.wait()
            except TimeoutError:
                self._wake_at = None
                self._feed(Tick())
