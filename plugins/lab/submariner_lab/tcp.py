"""A TCP stream from a pod to a pod or a ClusterIP: how long it stalls, whether it is reset."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Self

from submariner_lab.blueprint import NodeSite
from submariner_lab.errors import LabError
from submariner_lab.pod import stream as program
from submariner_lab.process import Process


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What became of a stream.

    ``stall`` is the longest silence of the echo in seconds, ``silence`` the one at the end;
    ``error`` what ended the connection before its time; ``ended`` when it ended, in ns of the
    monotonic clock; ``peer`` and ``server`` who saw whom.
    """

    sent: int
    echoed: int
    stall: float
    silence: float
    ended: int
    error: str | None
    peer: str | None
    server: str | None


class Stream:
    """``async with`` it: connects and runs inside, and has a ``report`` afterwards."""

    def __init__(self, source: NodeSite, address: IPv4Address, port: int, stem: Path) -> None:
        self._report: StreamReport | None = None
        self._result = Path(f"{stem}.result")
        self._process = Process(
            f"stream from the pod of {source.name} to {address}:{port}",
            source.pod_netns,
            (sys.executable, "-I", program.__file__, str(address), str(port), str(self._result)),
            Path(f"{stem}.log"),
        )

    async def __aenter__(self) -> Self:
        self._process.start()
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
            self._process.kill()

    @property
    def running(self) -> bool:
        """Whether it is still connected, or trying to."""
        return self._process.running

    @property
    def echoed(self) -> int:
        """Records that came back so far."""
        try:
            status = Path(f"{self._result}.status").read_bytes()
            return int(program.COUNTER.unpack(status)[0])
        except (OSError, struct.error):
            return 0

    async def flowing(self, more: int = 20, timeout: float = 15.0) -> bool:
        """Until ``more`` records came back; false once it has ended or time is up."""
        loop = asyncio.get_running_loop()
        goal, deadline = self.echoed + more, loop.time() + timeout
        while self.echoed < goal:
            if not self.running or loop.time() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    async def stop(self) -> StreamReport:
        """End it and read what became of it; again: the same report."""
        if self._report is None:
            self._process.terminate()
            await self._process.wait(timeout=10.0)
            if not self._result.exists():
                raise LabError(f"{self._process.name} left no record: {self._process.tail()}")
            self._report = StreamReport(**json.loads(self._result.read_text()))
        return self._report

    @property
    def report(self) -> StreamReport:
        """What became of it. Raises :class:`LabError` while it runs."""
        if self._report is None:
            raise LabError("the stream still runs: its report comes when it has stopped")
        return self._report
