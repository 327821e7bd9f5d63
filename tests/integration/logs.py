"""What the daemons of a lab wrote into their logs since a moment, in order of time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from submariner_lab import Lab
from submariner_lab.process import Process

_LINE = re.compile(r"^(?P<time>\S+) \[\w+ *\] (?P<event>\S+) *(?P<rest>.*)$")


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One event; all clocks of a lab are one."""

    time: str
    daemon: str
    event: str
    rest: str


class Logs:
    """Begins when it is made."""

    def __init__(self, lab: Lab) -> None:
        self._daemons = [one for node in lab.nodes for one in node.daemons]
        self._offsets = {one.name: _size(one) for one in self._daemons}

    def lines(self) -> list[Line]:
        """All that has come since."""
        return sorted(self._read())

    def _read(self) -> Iterable[Line]:
        for daemon in self._daemons:
            with daemon.log.open("rb") as file:
                file.seek(self._offsets[daemon.name])
                for line in file.read().decode().splitlines():
                    if found := _LINE.match(line):
                        yield Line(found["time"], daemon.name, found["event"], found["rest"])


def _size(daemon: Process) -> int:
    return daemon.log.stat().st_size if daemon.log.exists() else 0
