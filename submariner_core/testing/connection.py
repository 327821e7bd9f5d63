"""The way from one client to its store, and all that can go wrong on it."""

from __future__ import annotations

import asyncio

from submariner_core.api.errors import StoreUnavailable


class Connection:
    """One client's way to a store; ``latency`` is in seconds, per call.

    Cutting one connection is a partition of that client; the store's own ``available`` is an
    outage for all. A lost answer is a write that is carried out and reported as a failure.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.latency = 0.0
        self.available = True
        self.lost_answers = 0

    async def request(self) -> None:
        """The way there. Raises :class:`StoreUnavailable` before anything is done."""
        await asyncio.sleep(self.latency)
        self.check()

    def check(self) -> None:
        """Raise :class:`StoreUnavailable` while the connection is cut."""
        if not self.available:
            raise self.unavailable("is cut off")

    def answer(self) -> None:
        """The way back. Raises :class:`StoreUnavailable` after everything is done."""
        if self.lost_answers > 0:
            self.lost_answers -= 1
            raise self.unavailable("lost the answer")

    def unavailable(self, reason: str) -> StoreUnavailable:
        """The error for this client."""
        return StoreUnavailable(f"{self.subject} {reason}: a test asked for it")
