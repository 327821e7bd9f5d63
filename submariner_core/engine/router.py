"""Programs the gateway's routing: the latest wish wins, and only what differs is touched.

The first time, after any failure and some time after any change of the kernel that may not be
ours, what the kernel holds is read; in between, the last programmed state is what a wish is
compared with, so that a move is one nexthop replaced.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from submariner_core.api.network import Nexthop, Route
from submariner_core.daemon.clock import boot_clock
from submariner_core.engine.events import Event, Routed
from submariner_core.kernel import Kernel, KernelError
from submariner_core.reconcile.cables import CableKey
from submariner_core.reconcile.routing import (
    TABLES,
    Change,
    Ensure,
    Remove,
    Routing,
    changes,
    is_own_nexthop,
    is_own_rule,
    outcome,
)

RECHECK = 30.0
"""Seconds between looks at the kernel when nothing seems to have changed."""
SETTLE = 0.1
"""Seconds after a doubt before looking: one cause tells several times, our own writes too."""
LOOKS = 10.0
"""A look is followed by a pause of this many times what it took: changes may be endless."""
BACKOFF = (0.2, 10.0)
"""First and longest wait in seconds after the kernel refused."""

log = structlog.get_logger("submariner.engine")


@dataclass(frozen=True, slots=True)
class Wish:
    """Routing as it should be, and which cable carries to each cluster once it is so.

    ``nexthops`` has the id of each cluster's nexthop object.
    """

    routing: Routing
    carriers: Mapping[str, CableKey]
    nexthops: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Refused:
    change: Change
    error: KernelError


class Router:
    """Owns tables 100 to 102, their rules, and the nexthop objects of this gateway.

    What the kernel refuses for one cluster holds up no other; it is told and tried again.
    """

    def __init__(self, kernel: Kernel, post: Callable[[Event], None]) -> None:
        self._kernel = kernel
        self._post = post
        self._wish: Wish | None = None
        self._known: Routing | None = None
        self._told: Routed | None = None
        self._changed = False
        self._look_at = 0.0
        self._rested_at = 0.0
        self._wait = BACKOFF[0]
        self._woken = asyncio.Event()
        self.written = 0
        """Kernel writes so far: a restart with nothing changed leaves it at 0."""

    def want(self, wish: Wish) -> None:
        """Replace the wish; it is carried out at once."""
        if wish != self._wish:
            self._wish = wish
            self._changed = True
            self._woken.set()

    def doubt(self) -> None:
        """Something changed that may not be ours: look at the kernel soon."""
        self._look_by(max(boot_clock() + SETTLE, self._rested_at))

    async def nexthops(self) -> tuple[Nexthop, ...]:
        """The nexthop objects that the kernel has of this gateway: at the start, what is left."""
        try:
            return tuple(n for n in await self._kernel.nexthops.list() if is_own_nexthop(n.id))
        except KernelError as error:
            log.warning("nexthops-not-read", reason=str(error))
            return ()

    async def run(self) -> None:
        """Carry out wishes until cancelled."""
        while True:
            await self._turn(await self._next())

    async def _next(self) -> Wish:
        """The wish, once there is one that is new or it is time to look."""
        while True:
            left = self._look_at - boot_clock()
            if self._wish is not None and (self._changed or left <= 0):
                self._changed = False
                return self._wish
            self._woken.clear()
            try:
                async with asyncio.timeout(None if self._wish is None else left):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _turn(self, wish: Wish) -> None:
        try:
            refused = await self._apply(wish.routing)
        except KernelError as error:
            self._fail(Routed({}, str(error)))
            return
        if not refused:
            self._wait = BACKOFF[0]
            self._tell(Routed(wish.carriers))
            return
        things = [one.change.thing for one in refused]
        stuck = {thing.id for thing in things if isinstance(thing, Nexthop)}
        done = {
            cluster_id: cable
            for cluster_id, cable in wish.carriers.items()
            if wish.nexthops.get(cluster_id) not in stuck
        }
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        self._fail(Routed(done, f"{refused[0].error}{more}"))

    def _fail(self, event: Routed) -> None:
        if event != self._told:
            log.warning("routing-failed", reason=event.reason, retry_in=self._wait)
        self._tell(event)
        self._known = None
        self._look_by(boot_clock() + self._wait)
        self._wait = min(self._wait * 2, BACKOFF[1])

    def _tell(self, event: Routed) -> None:
        """Post what is new."""
        if event != self._told:
            self._told = event
            self._post(event)

    def _look_by(self, moment: float) -> None:
        self._look_at = min(self._look_at, moment)
        self._woken.set()

    async def _apply(self, want: Routing) -> list[_Refused]:
        """Make it so; what the kernel refused. Raises :class:`KernelError` if nothing can be."""
        have, self._known = self._known, None  # unknown while in between
        now = boot_clock()
        if have is None or now >= self._look_at:
            self._look_at = now + RECHECK
            have = await self._observe()
            ended = boot_clock()
            self._rested_at = ended + LOOKS * (ended - now)
        refused: list[_Refused] = []
        for change in changes(have, want):
            if refused and isinstance(change, Remove) and isinstance(change.thing, Nexthop):
                continue  # a route that could not be changed may still need it, or would vanish
            try:
                await self._do(change)
            except KernelError as error:
                if error.errno == errno.ETIMEDOUT:
                    raise
                refused.append(_Refused(change, error))
        self._known = None if refused else outcome(have, want)
        return refused

    async def _observe(self) -> Routing:
        kernel = self._kernel
        nexthops = [n for n in await kernel.nexthops.list() if is_own_nexthop(n.id)]
        routes = [route for table in TABLES for route in await kernel.routes.list(table)]
        rules = [rule for rule in await kernel.rules.list() if is_own_rule(rule)]
        return Routing(tuple(nexthops), tuple(routes), tuple(rules))

    async def _do(self, change: Change) -> None:
        kernel, thing = self._kernel, change.thing
        if isinstance(change, Ensure):
            if isinstance(thing, Nexthop):
                changed = await kernel.nexthops.ensure(thing)
            elif isinstance(thing, Route):
                await kernel.routes.put(thing)
                changed = True
            else:
                changed = await kernel.rules.ensure(thing)
        elif isinstance(thing, Nexthop):
            changed = await kernel.nexthops.delete(thing.id)
        elif isinstance(thing, Route):
            changed = await kernel.routes.remove(thing)
        else:
            changed = await kernel.rules.delete(thing)
        if changed:
            self.written += 1
            log.debug("kernel-changed", change=type(change).__name__, thing=str(thing))
