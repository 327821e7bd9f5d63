"""The in-memory twin of a cable driver."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from submariner_core.api.cable import Cable, CableDriver, CableState, LocalGateway, Path
from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus
from submariner_core.testing.host import HeldCable, MemoryHost


class MemoryCableDriver(CableDriver):
    """A cable driver whose devices are a :class:`MemoryHost`.

    ``calls`` holds every call as ``(verb, subject)``, also the ones that changed nothing; the
    host's ``actions`` hold only changes. A new driver object on the same host is a restart.
    """

    def __init__(
        self,
        host: MemoryHost | None = None,
        name: str = "memory",
        *,
        advertise: Mapping[str, str] | None = None,
        path: Callable[[Cable], Path] | None = None,
    ) -> None:
        self.host = host if host is not None else MemoryHost()
        self.name = name
        self.advertise = dict(advertise or {})
        self.calls: list[tuple[str, str]] = []
        self.failing: dict[str, str] = {}
        self.hanging: set[str] = set()
        self._path = path if path is not None else self._one_device

    # ---- the contract

    async def open(self, local: LocalGateway) -> Mapping[str, str]:
        """See the contract. The subject for failing and hanging is ``"open"``."""
        await self._enter("open", "open")
        if self.host.opened.get(self.name) != local:
            self.host.opened[self.name] = local
            self.host.act(f"{self.name}: open")
        return dict(self.advertise)

    async def connect(self, cable: Cable) -> Path:
        """See the contract."""
        await self._enter("connect", cable.name)
        if self.name not in self.host.opened:
            raise CableError(f"{self.name}: connect {cable.name!r} before open: call open first")
        held = self.host.held(self.name)
        found = held.get(cable.name)
        if found is None or found.cable != cable:
            held[cable.name] = HeldCable(cable)
            self.host.act(f"{self.name}: connect {cable.name}")
        return self._path(cable)

    async def disconnect(self, cable_name: str) -> None:
        """See the contract."""
        await self._enter("disconnect", cable_name)
        if self.host.held(self.name).pop(cable_name, None) is not None:
            self.host.act(f"{self.name}: disconnect {cable_name}")

    async def observe(self) -> Sequence[CableState]:
        """See the contract."""
        self.calls.append(("observe", ""))
        return self._states()

    async def watch(self) -> AsyncIterator[Sequence[CableState]]:
        """See the contract: at once, then at every change on the host."""
        while True:
            changed = self.host.changed
            yield self._states()
            await changed.wait()

    async def close(self) -> None:
        """See the contract."""
        self.calls.append(("close", ""))

    async def cleanup(self) -> None:
        """See the contract."""
        await self._enter("cleanup", "cleanup")
        cables = self.host.cables.pop(self.name, {})
        if self.host.opened.pop(self.name, None) is not None or cables:
            self.host.act(f"{self.name}: cleanup")

    # ---- what a test does to it

    @property
    def cables(self) -> dict[str, Cable]:
        """The cables that the host holds for this driver, by name."""
        return {name: held.cable for name, held in self.host.held(self.name).items()}

    def fail(self, subject: str, reason: str = "a test asked for it") -> None:
        """Let calls on a cable (or on ``"open"``, ``"cleanup"``) raise :class:`CableError`."""
        self.failing[subject] = reason

    def hang(self, subject: str) -> None:
        """Let calls on a cable (or on ``"open"``, ``"cleanup"``) never return."""
        self.hanging.add(subject)

    def heal(self, subject: str) -> None:
        """End what :meth:`fail` and :meth:`hang` began, for calls from now on."""
        self.failing.pop(subject, None)
        self.hanging.discard(subject)

    def report(self, cable_name: str, status: ConnectionStatus, message: str = "") -> None:
        """Let a cable that is held be observed with this status."""
        held = self.host.held(self.name)
        held[cable_name] = dataclasses.replace(held[cable_name], status=status, message=message)
        self.host.changed.set()
        self.host.changed = asyncio.Event()

    def count(self, cable_name: str, rx_bytes: int, tx_bytes: int) -> None:
        """Set the byte counters of a cable that is held."""
        held = self.host.held(self.name)
        held[cable_name] = dataclasses.replace(
            held[cable_name], rx_bytes=rx_bytes, tx_bytes=tx_bytes
        )

    # ---- within

    async def _enter(self, verb: str, subject: str) -> None:
        self.calls.append((verb, subject))
        if subject in self.hanging:
            await asyncio.Event().wait()
        if subject in self.failing:
            raise CableError(f"{self.name}: {verb} {subject}: {self.failing[subject]}")

    def _states(self) -> tuple[CableState, ...]:
        known = (
            CableState(name, held.status, held.message, name, held.rx_bytes, held.tx_bytes)
            for name, held in self.host.held(self.name).items()
        )
        unknown = (
            CableState(None, ConnectionStatus.NONE, key=key)
            for key in self.host.unknown.get(self.name, ())
        )
        return (*known, *unknown)

    def _one_device(self, cable: Cable) -> Path:
        return Path(device=f"{self.name}0", via=cable.remote.private_ip, mtu=1400)
