"""Which PSK pluto has for which peer: it tries one only, where charon tries all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from submariner_libreswan.credentials import Psk
from submariner_libreswan.pluto import arguments, files
from submariner_libreswan.pluto.ledger import Ledger

_PATIENCE = 4
"""Refusals between two turns at the end that is called."""


class Secrets:
    """The secrets file. ``usual``: it has a PSK for all peers, which only a pluto of ours may."""

    def __init__(self, path: Path, *, usual: bool) -> None:
        self._path = path
        self._usual = usual
        self._turns: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self.psks: tuple[Psk, ...] = ()
        """Those that peers may have, the one in use first; none with certificates."""

    def write(self, ledger: Ledger) -> bool:
        """Bring the file up to date; whether it has changed, and pluto is to read it again."""
        usual = self.psks[0] if self.psks and self._usual else None
        return files.write(self._path, files.secrets(usual, self._of_peers(ledger, self.psks)))

    def turn(self, name: str, *, calls: bool) -> bool:
        """A PSK did not fit a peer's: have it get the next one; whether that changed anything.

        The end that calls does so each time. The other one does at first, for a caller that
        always has the same, and then lets it try several times: else two ends that take turns
        would chase one another.
        """
        failures = self._failures.get(name, 0)
        self._failures[name] = failures + 1
        if len(self.psks) < 2 or (not calls and failures % _PATIENCE):
            return False
        self._turns[name] = (self._turns.get(name, 0) + 1) % len(self.psks)
        return True

    def settle(self, name: str) -> None:
        """A tunnel stands: its PSK fits."""
        self._failures.pop(name, None)

    def forget(self, name: str) -> None:
        """A tunnel is gone."""
        self._turns.pop(name, None)
        self._failures.pop(name, None)

    def _of_peers(
        self, ledger: Ledger, psks: Sequence[Psk]
    ) -> Iterator[tuple[tuple[str, str], Psk]]:
        """The PSKs of single peers: where another's turn it is, and all in a host's pluto."""
        for name, connections in ledger if psks else ():
            turn = self._turns.get(name, 0) % len(psks)
            if turn or not self._usual:
                for words in connections.values():
                    yield arguments.identities(words), psks[turn]
