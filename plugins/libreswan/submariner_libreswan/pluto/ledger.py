"""With which words each tunnel was loaded: for the next process, which finds them loaded."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from submariner_libreswan.pluto import files

Words = Mapping[str, tuple[str, ...]]
"""The words that added each connection of a tunnel, by connection name."""


class Ledger:
    """A file, written before pluto is told: what it holds was loaded so, or never came there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tunnels: dict[str, Words] = {}

    def read(self, held: Collection[str] | None = None) -> None:
        """What an earlier process loaded; with ``held``, whole tunnels that pluto still holds."""
        self._tunnels = {}
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            found = json.loads(self._path.read_text("utf-8"))
            self._tunnels = {
                name: {connection: tuple(words) for connection, words in tunnel.items()}
                for name, tunnel in found.items()
                if tunnel and (held is None or all(one in held for one in tunnel))
            }

    def get(self, name: str) -> Words:
        """How a tunnel was loaded; empty if it was not."""
        return self._tunnels.get(name, {})

    def put(self, name: str, words: Words) -> None:
        """A tunnel is about to be loaded so; no words: it is no longer."""
        self._tunnels.pop(name, None)
        if words:
            self._tunnels[name] = words
        files.write(self._path, json.dumps(self._tunnels))

    def forget(self) -> None:
        """Nothing is loaded: another pluto has taken the place."""
        self._tunnels = {}

    def names(self) -> Collection[str]:
        """The tunnels that are loaded."""
        return self._tunnels.keys()

    def __iter__(self) -> Iterator[tuple[str, Words]]:
        return iter(self._tunnels.items())
