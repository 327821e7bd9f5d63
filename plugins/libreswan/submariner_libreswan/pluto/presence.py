"""Whether the pluto that was spoken to is the one that runs."""

from __future__ import annotations

import os
from pathlib import Path

from submariner_libreswan import process
from submariner_libreswan.daemon import DaemonGone
from submariner_libreswan.pluto.files import Places


class Presence:
    """Looks at pluto's socket and lock, which costs no request. ``managed``: it is of our making.

    Of the host's the process may be out of sight.
    """

    def __init__(self, places: Places, *, managed: bool) -> None:
        self._places = places
        self._managed = managed
        self._identity: tuple[object, ...] = ()

    def take(self) -> None:
        """The one that runs now is the one that counts."""
        self._identity = self._identify()

    def same(self) -> bool:
        """Whether the one that runs now is that one."""
        return self._identity == self._identify()

    def forget(self) -> None:
        """None was spoken to."""
        self._identity = ()

    def check(self) -> None:
        """Raise :class:`DaemonGone` unless that one runs."""
        if not self._identity:
            raise DaemonGone("pluto was not spoken to yet")
        if self._identify() != self._identity:
            raise DaemonGone("pluto was started anew, and holds nothing of ours")
        if self._managed and not self.running():
            raise DaemonGone("pluto has died")

    def running(self) -> int:
        """The process id of a pluto of ours that runs; 0 where there is none.

        What its lock says may be of a dead one, and the number another program's by now.
        """
        pid = self._lock()
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return 0
        return pid if os.fsencode(self._places.run) in words and process.alive(pid) else 0

    def _lock(self) -> int:
        try:
            return int(self._places.pid.read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def _identify(self) -> tuple[object, ...]:
        """What differs between one pluto and the next at the same place."""
        try:
            made = self._places.socket.stat()
        except OSError:
            raise DaemonGone(f"pluto has gone: there is no {self._places.socket}") from None
        return (self._lock(), made.st_ino, made.st_ctime_ns)
