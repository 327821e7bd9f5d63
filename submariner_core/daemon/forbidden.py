"""What a store does not let us read, and what we do without."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import structlog

from submariner_core.api.errors import KindForbidden
from submariner_core.api.transport import Kind
from submariner_core.daemon.complaint import Complaint

log = structlog.get_logger("submariner.store")


class Forbidden:
    """The kinds that a store does not let us read, of those that can be done without."""

    def __init__(
        self, store: str, spare: Mapping[Kind, str], without: Callable[[Collection[str]], None]
    ) -> None:
        self.kinds: set[Kind] = set()
        self._spare = spare
        self._told = without
        self._words: dict[Kind, str] = {}
        self._complaints = {
            kind: Complaint(log, "kind-forbidden", "kind-readable", store=store, kind=kind.value)
            for kind in spare
        }

    def takes(self, error: KindForbidden) -> bool:
        """Whether to go on without this one; says so once."""
        kind = Kind(error.kind)
        if kind not in self._spare or kind in self.kinds:
            return False
        self.kinds.add(kind)
        self._words[kind] = f"{self._spare[kind]}: {error}"
        self._complaints[kind].about(self._words[kind])
        self._told(tuple(self._words.values()))
        return True

    def settled(self) -> None:
        """A watch without just :attr:`kinds` goes well."""
        for kind in self._words.keys() - self.kinds:
            del self._words[kind]
            self._complaints[kind].settled()
            self._told(tuple(self._words.values()))
