"""Which PSK pluto has for which peer: it tries one only, where charon tries all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from submariner_libreswan.credentials import Psk
from submariner_libreswan.pluto import arguments, files
from submariner_libreswan.pluto.ledger import Ledger


class Secrets:
    """The secrets file. ``usual``: it has a PSK for all peers, which only a pluto of ours may."""

    def __init__(self, path: Path, *, usual: bool) -> None:
        self._path = path
        self._usual = usual
        self._turns: dict[str, int] = {}
        self.psks: tuple[Psk, ...] = ()
        """Those that peers may have, the one in use first; none with certificates."""

    def write(self, ledger: Ledger) -> bool:
        """Bring the file up to date; whether it has changed, and pluto is to read it again."""
        usual = self.psks[0] if self.psks and self._usual else None
        return files.write(self._path, files.secrets(usual, self._of_peers(ledger, self.psks)))

    def turn(self, name: str) -> bool:
        """A peer refused its PSK: have it get the next one; whether there is another."""
        if len(self.psks) < 2:
            return False
        self._turns[name] = (self._turns.get(name, 0) + 1) % len(self.psks)
        return True

    def forget(self, name: str) -> None:
        """A tunnel is gone."""
        self._turns.pop(name, None)

    def _of_peers(
        self, ledger: Ledger, psks: Sequence[Psk]
    ) -> Iterator[tuple[tuple[str, str], Psk]]:
        """The PSKs of single peers: where another's turn it is, and all in a host's pluto."""
        for name, connections in ledger if psks else ():
            turn = self._turns.get(name, 0) % len(psks)
            if turn or not self._usual:
                for words in connections.values():
                    yield arguments.identities(words), psks[turn]
