"""A UDP flow between two pods, in both directions at once."""

from __future__ import annotations

import array
import asyncio
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from submariner_lab.blueprint import NodeSite
from submariner_lab.errors import LabError, LabTimeout
from submariner_lab.losses import Losses, judge
from submariner_lab.pod import flow as program
from submariner_lab.process import Process

FIRST_PORT = 9000


@dataclass(frozen=True, slots=True)
class Counts:
    """What one end has done so far."""

    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class FlowReport:
    """Both directions; ``forth`` is from the first pod to the second."""

    forth: Losses
    back: Losses

    @property
    def lost(self) -> int:
        """Datagrams lost in both directions together."""
        return self.forth.lost + self.back.lost

    @property
    def outage(self) -> float:
        """The longest outage of either direction, in seconds."""
        return max(self.forth.outage, self.back.outage)


@dataclass(frozen=True, slots=True)
class Course:
    """One direction, datagram by datagram. Times are in ns of the monotonic clock.

    ``sent`` holds the time of sending of each sequence number; ``numbers`` and ``arrivals`` the
    sequence number and the time of each arrival, in order.
    """

    sent: array.array[int]
    numbers: array.array[int]
    arrivals: array.array[int]


class Flow:
    """``async with`` it: runs inside, and has a ``report`` afterwards. 1 kHz each way."""

    def __init__(
        self, a: NodeSite, b: NodeSite, folder: Path, port: int, interval: float = 0.001
    ) -> None:
        self.a, self.b = a, b
        self._report: FlowReport | None = None
        self._courses: tuple[Course, Course] | None = None
        stem = f"flow-{port}-"
        self._files = {site.name: folder / f"{stem}{site.name}" for site in (a, b)}
        self._ends = tuple(
            self._end(site, peer, port, interval) for site, peer in ((a, b), (b, a))
        )

    def _end(self, site: NodeSite, peer: NodeSite, port: int, interval: float) -> Process:
        file = self._files[site.name]
        arguments = (
            str(site.pod_address), str(port), str(peer.pod_address), str(round(interval * 1e6)),
            f"{file}.status", f"{file}.result",
        )  # fmt: skip
        return Process(
            f"flow in the pod of {site.name}",
            site.pod_netns,
            (sys.executable, "-I", program.__file__, *arguments),
            file.with_suffix(".log"),
        )

    def counts(self) -> tuple[Counts, Counts]:
        """What each end has sent and received so far."""
        return self._count(self.a), self._count(self.b)

    def _count(self, site: NodeSite) -> Counts:
        try:
            status = Path(f"{self._files[site.name]}.status").read_bytes()
            return Counts(*program.COUNTERS.unpack(status))
        except (OSError, struct.error):
            return Counts(0, 0)

    async def __aenter__(self) -> Self:
        for end in self._ends:
            end.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                await self.stop()
        finally:
            for end in self._ends:
                end.kill()

    async def established(self, timeout: float = 5.0) -> None:
        """Until both ends have heard of each other."""
        await self.flowing(1, timeout)

    async def flowing(self, more: int = 100, timeout: float = 15.0) -> None:
        """Until each end has received ``more`` datagrams from now on."""
        goals = [count.received + more for count in self.counts()]
        deadline = asyncio.get_running_loop().time() + timeout
        while any(c.received < goal for c, goal in zip(self.counts(), goals, strict=True)):
            if asyncio.get_running_loop().time() > deadline:
                raise LabTimeout(
                    f"{self.a.name} <-> {self.b.name}: {self.counts()} after {timeout:g} s,"
                    f" expected {goals} received; {self._ends[0].tail()} {self._ends[1].tail()}"
                )
            await asyncio.sleep(0.01)

    async def stop(self) -> FlowReport:
        """End both ends and judge the flow; again: the same report."""
        if self._report is None:
            for end in self._ends:
                end.terminate()
            for end in self._ends:
                await end.wait(timeout=10.0)
            (sent_a, got_a), (sent_b, got_b) = self._records(self.a), self._records(self.b)
            forth = Course(sent_a, got_b[::2], got_b[1::2])
            back = Course(sent_b, got_a[::2], got_a[1::2])
            self._courses = forth, back
            self._report = FlowReport(
                judge(forth.sent, forth.numbers), judge(back.sent, back.numbers)
            )
        return self._report

    @property
    def report(self) -> FlowReport:
        """What was lost. Raises :class:`LabError` while the flow runs."""
        if self._report is None:
            raise LabError("the flow still runs: its report comes when it has stopped")
        return self._report

    @property
    def courses(self) -> tuple[Course, Course]:
        """Forth and back, datagram by datagram. Raises :class:`LabError` while the flow runs."""
        if self._courses is None:
            raise LabError("the flow still runs: its courses are known when it has stopped")
        return self._courses

    def _records(self, site: NodeSite) -> tuple[array.array[int], array.array[int]]:
        path = Path(f"{self._files[site.name]}.result")
        if not path.exists():
            raise LabError(f"the pod of {site.name} left no record of its flow: was it killed?")
        data = path.read_bytes()
        sent_count, _ = program.COUNTERS.unpack_from(data)
        words: array.array[int] = array.array("Q", data[program.COUNTERS.size :])
        return words[:sent_count], words[sent_count:]
