"""Whether the pluto that was spoken to is the one that runs."""

from __future__ import annotations

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
        pid = self.pid()
        if self._managed and pid and not process.alive(pid):
            raise DaemonGone("pluto has died")

    def pid(self) -> int:
        """Its process id; 0 if that is not known."""
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
        return (self.pid(), made.st_ino, made.st_ctime_ns)
