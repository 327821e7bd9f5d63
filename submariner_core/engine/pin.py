"""The command ``pin``: the operator says which gateway should lead, and it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from submariner_core.daemon.clock import Clock
from submariner_core.engine.campaign import Elector
from submariner_core.engine.control import ControlError
from submariner_core.engine.decider import Decider
from submariner_core.engine.events import Pinned
from submariner_core.engine.handover import HandOver, demand_lead
from submariner_core.reconcile.handover import successors
from submariner_core.reconcile.pin import pinned
from submariner_core.reconcile.sync import live_gateways

PATIENCE = 10.0
"""Seconds until a pin must be stored: what is not stored would not outlive this process."""

log = structlog.get_logger("submariner.gateway")


class Pin:
    """Only the leader writes, so only the leader takes the command."""

    def __init__(
        self, decider: Decider, elector: Elector, hand_over: HandOver, clock: Clock
    ) -> None:
        self._decider = decider
        self._elector = elector
        self._hand_over = hand_over
        self._clock = clock
        self._looked = asyncio.Event()

    def look(self) -> None:
        """The state may have changed."""
        self._looked.set()

    async def on_command(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """``node`` names a host; missing, it is this one; empty, nobody is pinned any more."""
        own = self._decider.state.own
        demand_lead(self._elector)
        if own is None:
            raise ControlError("this gateway is still starting: try again")
        mine, asked = own.endpoint.hostname, request.get("node")
        node = mine if asked is None else str(asked)
        known = {mine, *self._others()}
        if node and node not in known:
            names = ", ".join(sorted(known))
            raise ControlError(f"this cluster has no gateway {node}; it has {names}")
        await self._store(node)
        log.info("pinned", node=node or "nobody")
        leads = node == mine
        if node not in ("", mine) and successors(self._decider.state, self._clock(), node):
            leads = await self._hand_over.give(node, f"the lead is pinned to {node}") == node
        return {"pinned": node, "leads": leads, "epoch": self._elector.leadership.epoch}

    def _others(self) -> tuple[str, ...]:
        live = live_gateways(self._decider.state.datastore, self._clock())
        return tuple(gateway.status.local_endpoint.hostname for gateway in live)

    async def _store(self, node: str) -> None:
        """Until the datastore has it. Raises :class:`ControlError` when it does not take it."""
        self._looked.clear()
        self._decider.post(Pinned(node))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._looked.wait()  # the event is folded
                while self._decider.state.pin is not None:
                    self._looked.clear()
                    await self._looked.wait()
        except TimeoutError:
            self._decider.post(Pinned(None))
            raise ControlError(
                f"the datastore did not take it within {PATIENCE:.0f} s: try again when it does"
            ) from None
        if pinned(self._decider.state) != node:
            raise ControlError("another gateway has taken the lead: run this there")
