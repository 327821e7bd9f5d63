"""The contract of a leader-election backend: one record that can be compared and swapped.

The campaign itself (deadlines, hand-over, widening) is one state machine in
``submariner_core.reconcile.election`` and the same for every backend.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from submariner_core.api.naming import IPAddress


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The lease as stored.

    ``holder`` and ``successor`` are gateway identities; an empty holder is a released lease.
    ``duration`` is the holder's, in seconds. ``version`` is the store's own and opaque: equal only
    while the record is untouched; ``swap`` ignores that of ``new``.
    A successor counts only in the holder's own record: whoever takes the lease clears it.
    """

    holder: str
    epoch: int
    duration: float
    successor: str = ""
    version: str = ""


class LeaseStore(abc.ABC):
    """One lease. All methods raise :class:`StoreUnavailable` when the store cannot be reached."""

    @abc.abstractmethod
    async def read(self) -> LeaseRecord | None:
        """The record now, or ``None`` where there has never been one."""

    @abc.abstractmethod
    async def swap(self, expected: LeaseRecord | None, new: LeaseRecord) -> LeaseRecord | None:
        """Write ``new`` if the stored record is still ``expected`` (by version).

        Returns the record as stored, with its new version, or ``None`` for a lost race. A renewal
        (everything equal but the version) still changes the version: that is the heartbeat.
        """

    async def watch(self) -> AsyncIterator[LeaseRecord | None]:
        """The record now, then each change. The default reads four times a second."""
        last: LeaseRecord | None = await self.read()
        yield last
        while True:
            await asyncio.sleep(0.25)
            record = await self.read()
            if record != last:
                last = record
                yield record

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """Addresses at which the store is reached: see :class:`Transport`."""
        return ()

    async def close(self) -> None:
        """Release connections. May be called twice."""
        return
