"""Hands the lead over before this gateway leaves, and waits until nobody sends to it any more.

The successor's compare-and-swap of the lease is the confirmation; nobody acknowledges through a
store. The kernel is not touched: this gateway forwards both ways until the last sender has moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from submariner_core.api.model import Endpoint, GatewayObject
from submariner_core.daemon.clock import Clock
from submariner_core.daemon.publisher import Publisher
from submariner_core.engine.campaign import Elector
from submariner_core.engine.control import ControlError
from submariner_core.engine.decider import Decider
from submariner_core.engine.flows import Flows
from submariner_core.engine.traffic import wait_until_quiet
from submariner_core.reconcile.election_identity import host_of
from submariner_core.reconcile.handover import better, cold, reaches, successors
from submariner_core.reconcile.pin import pinned

PATIENCE = 3.0
"""Seconds for which a standby must have been the better leader before it becomes it."""
WARM_UP = 5.0
"""Seconds for which a successor that held no cables may make them before it is named."""
REST = (10.0, 300.0)
"""Seconds between two such changes by this process: the first, doubled up to the second."""

log = structlog.get_logger("submariner.gateway")


def demand_lead(elector: Elector) -> None:
    """Raises :class:`ControlError` unless this gateway leads; it names the one that does."""
    if elector.leadership.active:
        return
    holder = elector.record.holder if elector.record is not None else ""
    where = host_of(holder) if holder not in ("", elector.identity) else "the one that does"
    raise ControlError(f"this gateway does not lead: run this on {where}")


class HandOver:
    """One gateway's way out of the lead."""

    def __init__(
        self,
        decider: Decider,
        elector: Elector,
        flows: Flows,
        publisher: Publisher[GatewayObject],
        clock: Clock,
    ) -> None:
        self._decider = decider
        self._elector = elector
        self._flows = flows
        self._publisher = publisher
        self._clock = clock
        self._give_to: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._own: frozenset[str] = frozenset()
        self._looked = asyncio.Event()
        self._better: str | None = None
        self._since = 0.0
        self._rest = REST[0]
        self._not_before = 0.0

    def consider(self, own: frozenset[str]) -> float | None:
        """Look whether a standby should lead; when (boot clock) to look again if one might.

        ``own`` are the clusters this gateway reaches. :meth:`run` acts on it.
        """
        self._own = own
        self._looked.set()
        now = self._clock()
        found = better(self._decider.state, own, now)
        if found is None or not self._elector.leadership.active or self._decider.leaving:
            self._better = None
            return None
        name = found[0].status.local_endpoint.hostname
        if name != self._better:
            self._better, self._since = name, now
        due = max(self._since + PATIENCE, self._not_before)
        if now < due:
            return due
        log.warning("a-standby-should-lead", standby=name, reason=found[1])
        self._not_before, self._rest = now + self._rest, min(self._rest * 2, REST[1])
        self._give_to.put_nowait((name, found[1]))
        return None

    async def run(self) -> None:
        """Hand over to whom :meth:`consider` found, until cancelled."""
        while True:
            await self.give(*await self._give_to.get())

    async def give(self, to: str | None = None, why: str = "") -> str | None:
        """Give the lead to ``to`` or the best standby; its host name, ``None`` if nobody took it.

        Each candidate has a few seconds; a gateway that does not lead gives nothing. ``why`` is
        told with the change of leadership.
        """
        for candidate in successors(self._decider.state, self._clock(), to):
            if not self._elector.leadership.active:
                return None
            endpoint = candidate.status.local_endpoint
            starts_cold = cold(self._decider.state, candidate)
            self._decider.favour(endpoint.cable_name)
            log.info("handing-over", to=endpoint.hostname, why=why)
            if starts_cold:
                await self._warm_up(endpoint)
            await self._flows.offer(endpoint.cable_name)
            if await self._elector.hand_over(endpoint.hostname, why):
                self._decider.favour(None)
                # again: what was opened meanwhile, before senders learn where to send
                await self._flows.offer(endpoint.cable_name)
                return endpoint.hostname
            log.warning("hand-over-not-taken", by=endpoint.hostname)
        self._decider.favour(None)
        return None

    async def _warm_up(self, successor: Endpoint) -> None:
        """Until it reaches what this gateway does, so that the lead does not move ahead of it."""
        try:
            async with asyncio.timeout(WARM_UP):
                while not reaches(self._decider.state, successor.cable_name, self._own):
                    self._looked.clear()
                    await self._looked.wait()
        except TimeoutError:
            log.warning("successor-reaches-less", successor=successor.hostname)

    async def on_command(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """``hand-over`` of the control socket: ``to`` names a host, or is missing."""
        to, pin = request.get("to"), pinned(self._decider.state)
        candidates = [
            gateway.status.local_endpoint.hostname
            for gateway in successors(self._decider.state, self._clock())
        ]
        demand_lead(self._elector)
        if pin and to != pin:
            raise ControlError(
                f"the lead is pinned to {pin}: submariner gateway pin {to or 'NODE'}, or pin --off"
            )
        if not candidates or (to is not None and to not in candidates):
            ready = ", ".join(candidates) or "none"
            who = f"gateway {to!r} is not" if to else "no gateway is"
            raise ControlError(f"{who} ready to take over; ready: {ready}")
        taken = await self.give(to, "the operator's command")
        if taken is None:
            raise ControlError(f"{to or 'no candidate'} did not take the lease: this one goes on")
        return {"taken": taken, "epoch": self._elector.leadership.epoch}

    async def quiet(self) -> bool:
        """Wait until nobody sends through this gateway; ``False`` if somebody goes on."""
        held = self._decider.state.held.values()
        devices = {one.path.device for one in held if one.path is not None}
        return await wait_until_quiet(devices, self._clock)

    async def leave(self) -> None:
        """Drain: hand over if this gateway leads, then wait until what it forwards has ceased."""
        self._decider.drain()
        await self._publisher.publish()
        active = self._elector.leadership.active
        successor = await self.give(why="this one leaves") if active else None
        if active and successor is None:
            log.warning("no-successor", consequence="the lease is released, the data path stays")
            await self._elector.withdraw()
        else:
            quiet = await self.quiet()
            log.info("drained", quiet=quiet, successor=successor)
            await self._elector.withdraw()
        await self._publisher.publish()
