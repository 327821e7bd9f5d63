"""Programs the gateway's routing: the latest wish wins, and only what differs is touched.

The first time, after any failure and after any change of the kernel that is not ours, what the
kernel holds is read; in between, the last programmed state is what a wish is compared with, so
that a move is one nexthop replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from submariner_core.api.network import Nexthop, Route
from submariner_core.engine.events import Event, Routed
from submariner_core.kernel import Kernel, KernelError
from submariner_core.reconcile.routing import (
    ARRIVED_TABLE,
    CABLE_TABLE,
    Change,
    Ensure,
    Routing,
    changes,
    is_own_nexthop,
    is_own_rule,
)

RECHECK = 30.0
"""Seconds between looks at the kernel when nothing seems to have changed."""
BACKOFF = (0.2, 10.0)
"""First and longest wait in seconds after the kernel refused."""

log = structlog.get_logger("submariner.engine")


@dataclass(frozen=True, slots=True)
class Wish:
    """Routing as it should be, and which cable carries to each cluster once it is so."""

    routing: Routing
    carriers: Mapping[str, str]


class Router:
    """Owns tables 100 and 101, their rules, and the nexthop objects of this gateway."""

    def __init__(self, kernel: Kernel, post: Callable[[Event], None]) -> None:
        self._kernel = kernel
        self._post = post
        self._wish: Wish | None = None
        self._known: Routing | None = None
        self._news = asyncio.Event()
        self.written = 0
        """Kernel writes so far: a restart with nothing changed leaves it at 0."""

    def want(self, wish: Wish) -> None:
        """Replace the wish."""
        if wish != self._wish:
            self._wish = wish
            self._news.set()

    def doubt(self) -> None:
        """Something changed that may not be ours: look at the kernel before the next change."""
        self._known = None
        self._news.set()

    async def run(self) -> None:
        """Carry out wishes until cancelled."""
        wait = BACKOFF[0]
        while True:
            try:
                async with asyncio.timeout(RECHECK):
                    await self._news.wait()
            except TimeoutError:
                self._known = None
            self._news.clear()
            wish = self._wish
            if wish is None:
                continue
            try:
                await self._apply(wish.routing)
            except KernelError as error:
                self._known = None
                log.warning("routing-failed", reason=str(error), retry_in=wait)
                self._post(Routed({}, str(error)))
                await asyncio.sleep(wait)
                wait = min(wait * 2, BACKOFF[1])
                self._news.set()
            else:
                wait = BACKOFF[0]
                self._post(Routed(wish.carriers))

    async def _apply(self, want: Routing) -> None:
        have = self._known if self._known is not None else await self._observe()
        todo = changes(have, want)
        self._known = None  # unknown while in between
        for change in todo:
            await self._do(change)
        self._known = want

    async def _observe(self) -> Routing:
        kernel = self._kernel
        nexthops = [n for n in await kernel.nexthops.list() if is_own_nexthop(n.id)]
        routes = [*await kernel.routes.list(CABLE_TABLE), *await kernel.routes.list(ARRIVED_TABLE)]
        rules = [rule for rule in await kernel.rules.list() if is_own_rule(rule)]
        return Routing(tuple(nexthops), tuple(routes), tuple(rules))

    async def _do(self, change: Change) -> None:
        kernel, thing = self._kernel, change.thing
        if isinstance(change, Ensure):
            if isinstance(thing, Nexthop):
                changed = await kernel.nexthops.ensure(thing)
            elif isinstance(thing, Route):
                changed = await kernel.routes.ensure(thing)
            else:
                changed = await kernel.rules.ensure(thing)
        elif isinstance(thing, Nexthop):
            changed = await kernel.nexthops.delete(thing.id)
        elif isinstance(thing, Route):
            changed = await kernel.routes.delete(thing)
        else:
            changed = await kernel.rules.delete(thing)
        if changed:
            self.written += 1
            log.debug("kernel-changed", change=type(change).__name__, thing=str(thing))
