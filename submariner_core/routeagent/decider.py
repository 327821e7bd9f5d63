"""The one task that decides: folds events into the node's view, plans, and hands the plan out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from submariner_core.api.model import ConnectionStatus
from submariner_core.api.naming import IPAddress
from submariner_core.reconcile.health import Health
from submariner_core.reconcile.node import NodeDecision, NodeSite, NodeView, decide
from submariner_core.reconcile.paths import Memory, verdict_of
from submariner_core.reconcile.stores import StoreView, fold, lose
from submariner_core.routeagent.events import (
    Applied,
    Event,
    Found,
    Reloaded,
    StoreChanged,
    StoreLost,
    Watch,
)

log = structlog.get_logger("submariner.routeagent")


def gateway_target(hostname: str) -> str:
    """The name under which a gateway of the own cluster is probed over the overlay."""
    return f"gateway {hostname}"


class Decider:
    """Owns the node's view. Sources call :meth:`post`; nothing else changes it.

    ``health`` tells what the probes of a cable's remote endpoint have shown. ``decided`` is called
    in this task after each decision and must not block. ``reserved`` tells where the datastore is
    now: no remote prefix may lead there. Nothing is decided before the node was looked at (or that
    failed): what an earlier process chose carries on.
    """

    def __init__(
        self,
        site: NodeSite,
        health: Callable[[str], Health | None],
        clock: Callable[[], float],
        decided: Callable[[NodeDecision], None],
        reserved: Callable[[], Iterable[IPAddress]] = tuple,
    ) -> None:
        self.view = NodeView(site)
        self.decision = NodeDecision(None)
        self.applied = Applied(None, "nothing is programmed yet")
        self._health = health
        self._clock = clock
        self._decided = decided
        self._reserved = reserved
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._looked = False

    def post(self, event: Event) -> None:
        """Take an event; never blocks."""
        self._events.put_nowait(event)

    async def run(self) -> None:
        """Decide until cancelled: once for all events that wait, and when a hold ends."""
        while True:
            due = self.decision.wake_at
            try:
                async with asyncio.timeout(None if due is None else max(0.0, due - self._clock())):
                    self._fold(await self._events.get())
            except TimeoutError:
                pass
            while not self._events.empty():
                self._fold(self._events.get_nowait())
            if self._looked:
                self._decide()

    def _fold(self, event: Event) -> None:
        if isinstance(event, Applied):
            self.applied = event
            self._looked = True
        elif isinstance(event, Found):
            self.view = replace(self.view, found=event.state, path=Memory())
            self._looked = True
        elif isinstance(event, Reloaded):
            site = replace(self.view.site, evidence=event.evidence)
            self.view = replace(self.view, site=site)
        elif isinstance(event, (StoreChanged, StoreLost)):
            if event.watch is Watch.SITE:
                self.view = replace(self.view, store=self._read(self.view.store, event))
            else:
                self.view = replace(self.view, agents=self._read(self.view.agents, event))

    def _read(self, view: StoreView, event: StoreChanged | StoreLost) -> StoreView:
        if isinstance(event, StoreLost):
            return lose(view, event.reason)
        read = fold(view, event.event, self._clock())
        for ref, reason in read.malformed.items():
            if view.malformed.get(ref) != reason:
                log.warning("record-malformed", reason=reason)
        return read

    def _decide(self) -> None:
        silent = frozenset(
            endpoint.spec.cable_name
            for endpoint in self.view.chosen.values()
            if (health := self._health(endpoint.spec.cable_name)) is not None
            and health.status is ConnectionStatus.ERROR
        )
        verdicts = {
            one.hostname: verdict_of(health.status)
            for one in (self.decision.plan.gateways if self.decision.plan is not None else ())
            if (health := self._health(gateway_target(one.hostname))) is not None
        }
        site = replace(self.view.site, reserved=tuple(self._reserved()))
        self.view = replace(self.view, site=site, silent=silent, verdicts=verdicts)
        decision = decide(self.view, self._clock())
        for refusal in decision.refused:
            if refusal not in self.decision.refused:
                log.warning("prefix-refused", reason=str(refusal))
        found = self.view.found if decision.path.carries is None else None
        self.view = replace(self.view, chosen=decision.chosen, path=decision.path, found=found)
        self.decision = decision
        self._decided(decision)
