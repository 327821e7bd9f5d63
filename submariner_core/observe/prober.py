"""Probes data paths: ICMP echo to each target, answered by the target's kernel.

One socket for all targets, the boot clock, and the kernel's time of arrival. Misses are judged
when a probe's time is over and not when the loop gets round to it: a round in which this process
itself ran late is void, since replies may have come and gone unread. What a target sends us
unasked (its own probes) speaks for it: see ``reconcile.health``.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

import structlog

from submariner_core.api.model import ConnectionStatus
from submariner_core.observe.icmp import EchoReply, EchoRequest, EchoSocket
from submariner_core.reconcile.evidence import Seen
from submariner_core.reconcile.health import DOUBT, Health, doubtful, lost, patience, replied
from submariner_core.reconcile.pace import Pace, budget_note, detection, keep_pace

LATE = 0.05
"""Seconds by which the loop may be late before a round of judgements is void."""
ROUND = 0.005
"""Seconds between rounds at least, so that probes that are due together go together."""
BUDGET = 0.03
"""Share of one core that probing may take; beyond it, intervals widen."""
MEASURE = 1.0
"""Seconds over which that share is measured."""

STALE = 10.0
"""Seconds after which a reply says nothing about the path as it is now."""

log = structlog.get_logger("submariner.probes")


@dataclass(frozen=True, slots=True)
class Target:
    """What to probe: ``interval`` in seconds; ``source`` as the probes' sender address.

    ``alarmed`` is the interval from the first miss on; until there is a verdict, each such
    interval is probed several times.
    """

    address: IPv4Address
    source: IPv4Address | None
    interval: float
    alarmed: float = 0.1

    def pause(self, health: Health, misses: int) -> float:
        """Seconds between two probes now; ``misses`` intervals without a reply are an error."""
        if not health.misses:
            return self.interval
        alarmed = min(self.interval, self.alarmed)
        return alarmed / DOUBT if doubtful(health, misses) else alarmed


@dataclass(slots=True)
class _Probed:
    target: Target
    health: Health
    key: int
    sequence: int = 0
    waiting: dict[int, tuple[float, float]] = field(default_factory=dict)
    """When each unanswered probe was sent, and until when it is waited for."""
    next_send: float = 0.0
    first_missed: float = 0.0
    """When the first of the probes missed in a row was sent."""
    answered: float | None = None
    """When the last reply was received."""


class Prober:
    """Probes its targets until cancelled; ``changed`` gets the name of one whose verdict changes.

    ``widened`` is called when :attr:`note` changes; ``budget`` is a share of one core.
    Raises ``PermissionError`` from :meth:`run` without CAP_NET_RAW.
    """

    def __init__(
        self,
        changed: Callable[[str], None],
        *,
        misses: int = 3,
        budget: float = BUDGET,
        widened: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._changed = changed
        self._misses = misses
        self._budget = budget
        self._widened = widened
        self._clock = clock
        self._probed: dict[str, _Probed] = {}
        self._by_key: dict[int, str] = {}
        self._heard: dict[IPv4Address, float] = {}
        self._addresses: frozenset[IPv4Address] = frozenset()
        self._keys = itertools.count(1)
        self._news = asyncio.Event()
        self._spent = 0.0
        self._measured = self._last = clock()
        self.void_rounds = 0
        """Rounds that were not judged because this process ran late."""
        self._pace = Pace()

    def set_targets(self, targets: Mapping[str, Target]) -> None:
        """Replace the targets. One whose address stays keeps its statistics."""
        for name in [name for name in self._probed if name not in targets]:
            self._forget(name)
        for name, target in targets.items():
            known = self._probed.get(name)
            if known is not None and known.target == target:
                continue
            if known is not None and known.target.address == target.address:
                due = min(known.next_send, self._clock() + target.interval)
                known.target, known.next_send = target, due
            else:
                self._forget(name)
                key = next(self._keys)
                self._by_key[key] = name
                self._probed[name] = _Probed(target, Health(), key)
            self._news.set()
        self._addresses = frozenset(one.target.address for one in self._probed.values())
        self._heard = {at: t for at, t in self._heard.items() if at in self._addresses}

    def health(self, name: str) -> Health | None:
        """What is known of a target, ``None`` if it is not probed."""
        known = self._probed.get(name)
        return known.health if known is not None else None

    def seen(self, name: str) -> Seen | None:
        """What the probes of a target have shown lately, ``None`` if it is not probed."""
        one = self._probed.get(name)
        return None if one is None else Seen(one.health.misses, one.first_missed, one.answered)

    @property
    def widening(self) -> float:
        """By how much intervals are longer than asked for, to keep to the budget."""
        return self._pace.widening

    @property
    def detection(self) -> float | None:
        """Seconds until the fastest probed path counts as down, at most; ``None`` without any."""
        fastest = min((one.target.interval for one in self._probed.values()), default=None)
        return None if fastest is None else detection(fastest, self._misses, self._pace)

    @property
    def note(self) -> str:
        """What to say of widened intervals; empty while they are as asked for."""
        return budget_note(self._pace, self._budget, self.detection)

    async def run(self) -> None:
        """Probe until cancelled."""
        socket = EchoSocket()
        loop = asyncio.get_running_loop()
        loop.add_reader(socket.fileno(), self._ready, socket)
        try:
            while True:
                due = self._due()
                wake = self._clock() + 3600.0 if due is None else max(due, self._last + ROUND)
                try:
                    async with asyncio.timeout(max(0.0, wake - self._clock())):
                        await self._news.wait()
                except TimeoutError:
                    pass
                self._news.clear()
                began = time.thread_time()
                self._round(socket, late=self._clock() - wake > LATE)
                self._spend(time.thread_time() - began)
        finally:
            loop.remove_reader(socket.fileno())
            socket.close()

    def _spend(self, seconds: float) -> None:
        """Account for CPU time, and widen or narrow the intervals by what was spent."""
        self._spent += seconds
        self._last = self._clock()
        elapsed = self._last - self._measured
        if elapsed >= MEASURE:
            before, share = self._pace, self._spent / elapsed
            self._pace = keep_pace(before, share, self._budget)
            self._spent, self._measured = 0.0, self._last
            if self._pace.told != before.told:
                log.warning(
                    "probe-pace-changed",
                    share=round(share, 4),
                    widening=round(self.widening, 2),
                    detection_s=self.detection,
                )
                self._widened()

    def _due(self) -> float | None:
        times = [one.next_send for one in self._probed.values()]
        times += [end for one in self._probed.values() for _, end in one.waiting.values()]
        return min(times, default=None)

    def _round(self, socket: EchoSocket, *, late: bool) -> None:
        self._read(socket)
        now = self._clock()
        if late:
            self.void_rounds += 1
        for name, one in list(self._probed.items()):
            for sequence in [number for number, (_, end) in one.waiting.items() if end <= now]:
                began, _ = one.waiting.pop(sequence)
                if not late:
                    self._miss(name, one, began)
            if one.next_send <= now:
                self._send(socket, name, one, now)

    def _pause(self, one: _Probed) -> float:
        return one.target.pause(one.health, self._misses) * self.widening

    def _send(self, socket: EchoSocket, name: str, one: _Probed, now: float) -> None:
        one.sequence += 1
        pause = self._pause(one)
        one.next_send = max(one.next_send + pause, now + pause / 2)
        # A round may be late by so much and still count: no reply may be missed for that.
        one.waiting[one.sequence] = (now, now + patience(one.health, max(pause, LATE)))
        try:
            socket.send(one.target.address, one.target.source, one.key, one.sequence, now)
        except OSError as error:
            # No route or no device: as good as a lost probe, judged when its time is over.
            log.debug("probe-not-sent", target=name, reason=error.strerror)

    def _ready(self, socket: EchoSocket) -> None:
        began = time.thread_time()
        self._read(socket)
        self._spent += time.thread_time() - began

    def _read(self, socket: EchoSocket) -> None:
        for packet in socket.receive():
            if isinstance(packet, EchoReply):
                self._take(packet)
            else:
                self._hear(packet)

    def _hear(self, request: EchoRequest) -> None:
        if request.source in self._addresses:
            self._heard[request.source] = request.received

    def _miss(self, name: str, one: _Probed, began: float) -> None:
        if not one.health.misses:
            one.first_missed = began
        # What was on its way when the path broke goes on arriving: on a slow one after the miss.
        heard = self._heard.get(one.target.address, -math.inf)
        lately = self._clock() - self._misses * one.target.alarmed * self.widening
        receiving = heard > max(one.first_missed, lately)
        self._settle(name, one, lost(one.health, self._misses, receiving=receiving))
        one.next_send = min(one.next_send, self._clock() + self._pause(one))

    def _take(self, reply: EchoReply) -> None:
        name = self._by_key.get(reply.key)
        one = self._probed.get(name) if name is not None else None
        if name is None or one is None or reply.source != one.target.address:
            return
        age = self._clock() - reply.sent
        if not 0.0 <= age <= STALE:
            # Also where the peer tampers with what it sends back: it may be any number, or none.
            return
        # One that comes late was counted as missed, and still proves that the path carries.
        one.waiting.pop(reply.sequence, None)
        one.answered = reply.received
        rtt = min(max(0.0, reply.received - reply.sent), age)
        self._settle(name, one, replied(one.health, int(rtt * 1e9)))

    def _settle(self, name: str, one: _Probed, health: Health) -> None:
        before, one.health = one.health, health
        if before.status != health.status:
            self._tell(name, one, before)
            self._changed(name)

    def _tell(self, name: str, one: _Probed, before: Health) -> None:
        address, now = str(one.target.address), self._clock()
        if one.health.status is ConnectionStatus.ERROR:
            answered = None if one.answered is None else round((now - one.answered) * 1000)
            log.warning(
                "path-down",
                path=name,
                address=address,
                misses=one.health.misses,
                in_ms=round((now - one.first_missed) * 1000),
                answered_ms_ago=answered,
            )
        else:
            away = round((now - one.first_missed) * 1000) if before.misses else None
            rtt = round(one.health.statistics.last / 1e6, 3)
            log.info("path-up", path=name, address=address, rtt_ms=rtt, away_ms=away)

    def _forget(self, name: str) -> None:
        known = self._probed.pop(name, None)
        if known is not None:
            self._by_key.pop(known.key, None)
