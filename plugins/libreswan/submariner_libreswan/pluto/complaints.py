"""Why calls failed, tunnel by tunnel: what pluto's log says, as long as it still holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from submariner_libreswan.pluto import reasons
from submariner_libreswan.pluto.arguments import owner
from submariner_libreswan.pluto.tail import Tail
from submariner_libreswan.tunnel import Tunnel


class Complaints:
    """Reads the log, and remembers the last reason of each connection until it has a child SA.

    Without a log there are none.
    """

    def __init__(self, tail: Tail | None) -> None:
        self._tail = tail
        self._blames: dict[str, reasons.Blame] = {}
        self._refused: set[str] = set()
        self._apart: set[str] = set()
        self.offers = reasons.Offers()
        """What this end proposes, for people."""

    @property
    def deaf(self) -> bool:
        """Whether there is no log to read."""
        return self._tail is None

    def hear(self) -> bool:
        """Read what is new; whether it names a connection of ours."""
        if self._tail is None or not self._tail.grown():
            return False
        named = False
        for line in self._tail.lines():
            blame = reasons.read(line, self.offers)
            if blame is None:
                continue
            named = True
            before = self._blames.get(blame.connection)
            if blame.reason and (blame.final or before is None or not before.final):
                self._blames[blame.connection] = blame
            found = owner(blame.connection)
            if found is not None and blame.proof:
                self._refused.add(found[0])
            if found is not None and blame.child:
                self._apart.add(found[0])
        return named

    def of(self, tunnel: Tunnel | None, connections: Iterable[str]) -> str:
        """Why the first of a tunnel's connections that failed did; empty if none has."""
        for connection in connections:
            blame = self._blames.get(connection)
            if blame is None or not blame.reason:
                continue
            if tunnel is None:
                return blame.reason
            pairs = {tunnel.connection(pair): str(pair) for pair in tunnel.pairs}
            text = blame.reason.replace("{pair}", pairs.get(connection, ""))
            text = text.replace("{local}", f"{tunnel.local}:{tunnel.local_port}")
            if blame.proposals and tunnel.offers:
                text += f" (the other end says that it offers {tunnel.offers})"
            return text
        return ""

    def refusals(self) -> Collection[str]:
        """The tunnels at which a proof was refused since this was last asked."""
        found, self._refused = self._refused, set()
        return found

    def apart(self) -> Collection[str]:
        """The tunnels whose child proposals had nothing in common since this was last asked."""
        found, self._apart = self._apart, set()
        return found

    def settle(self, connections: Collection[str]) -> None:
        """These have child SAs, or are gone: nothing holds any more."""
        for connection in connections:
            self._blames.pop(connection, None)
