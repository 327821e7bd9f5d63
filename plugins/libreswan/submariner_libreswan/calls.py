"""When this end calls a peer. Pure: times come in as arguments, on the boot clock."""

from __future__ import annotations

from dataclasses import dataclass

from submariner_libreswan.tunnel import Mode, Tunnel

TURN = 10.0
"""Seconds after which the end that is not to call calls all the same."""
BACKOFF = (2.0, 30.0)
"""First and longest wait in seconds after a call that came to nothing."""


@dataclass(slots=True)
class _Wait:
    since: float
    tried: float | None = None
    pause: float = BACKOFF[0]


class Calls:
    """Who waits since when. A call under way, and one that failed a moment ago, are left alone."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def expect(self, name: str, now: float) -> None:
        """A tunnel is new or anew: it is to be made from now on."""
        self._waits[name] = _Wait(now)

    def forget(self, name: str) -> None:
        """A tunnel is gone."""
        self._waits.pop(name, None)

    def waited(self, name: str, now: float) -> float:
        """Seconds for which child SAs have been missing."""
        wait = self._waits.get(name)
        return now - wait.since if wait is not None else 0.0

    def due(self, tunnel: Tunnel, now: float, *, missing: bool, calling: bool) -> bool:
        """Whether to call now; if so, that counts as done."""
        if not missing:
            self._waits.pop(tunnel.name, None)
            return False
        wait = self._waits.setdefault(tunnel.name, _Wait(now))
        if calling or tunnel.mode is Mode.SERVER:
            return False
        if not tunnel.calls and now - wait.since < TURN:
            return False
        if wait.tried is not None:
            if now - wait.tried < wait.pause:
                return False
            wait.pause = min(wait.pause * 2, BACKOFF[1])
        wait.tried = now
        return True
