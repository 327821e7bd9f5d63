"""Has the only gateway of a cluster take up a new key with no packet lost, by second cables.

What it sends goes by second cables while the first have their key changed; these go on receiving,
since the sessions under the old key last until each remote has read the new one and made a
handshake. Nothing of it outlives the process: whoever comes after a crash has the first cables
only, with the key that was in use when it died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from submariner_core.api.cable import CableDriver, Detour, Path
from submariner_core.api.errors import SubmarinerError
from submariner_core.daemon.clock import Clock
from submariner_core.engine.control import ControlError
from submariner_core.engine.decider import Decider
from submariner_core.engine.events import Detoured
from submariner_core.engine.router import Router
from submariner_core.engine.traffic import wait_until_quiet
from submariner_core.reconcile.cables import CableKey
from submariner_core.reconcile.detour import needing, second_entry
from submariner_core.reconcile.sync import live_gateways

PROVEN, MOVED, FOLLOWED = 15.0, 5.0, 25.0
"""Seconds for second cables to be made, for routes to move, for remotes to take the new key."""
LOOK = 0.1

log = structlog.get_logger("submariner.gateway")


class Detours:
    """One at a time. ``opened_again`` has the drivers opened once more."""

    def __init__(
        self,
        decider: Decider,
        router: Router,
        drivers: Sequence[tuple[str, CableDriver]],
        opened_again: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._decider = decider
        self._router = router
        self._drivers = drivers
        self._opened_again = opened_again
        self._clock = clock
        self._turn = asyncio.Lock()

    @property
    def alone(self) -> bool:
        """Whether its cluster has no other gateway that lives, ready or not."""
        state = self._decider.state
        found = live_gateways(state.datastore, self._clock())
        names = {one.status.local_endpoint.cable_name for one in found}
        return state.own is not None and names <= {state.own.endpoint.cable_name}

    async def run(self) -> None:
        """Once nothing is routed into it any more, remove what an earlier process left."""
        while not await self._routed():  # noqa: ASYNC110 - the kernel tells of no routes
            await asyncio.sleep(1.0)
        async with self._turn:
            for name, driver in self._drivers:
                try:
                    await driver.end_detour()
                except Exception:
                    log.exception("detour-left", driver=name)

    async def renew(self, name: str, driver: CableDriver) -> None:
        """Have a driver take up what waits. Raises :class:`ControlError`; then nothing changed."""
        if self._turn.locked():
            raise ControlError("another renewal is not over: try again")
        async with self._turn:
            await self._renew(name, driver)

    async def _renew(self, name: str, driver: CableDriver) -> None:
        own = self._decider.state.own
        slot = self._decider.spare_slot(own.endpoint) if own is not None else None
        if own is None or slot is None:
            raise ControlError("no slot is left for second cables: renew --now accepts a gap")
        try:
            detour = await driver.detour(slot)
            if detour is None:
                return  # nothing waits
            log.info("detour-begun", driver=name, slot=slot)
            self._decider.announce(second_entry(own.endpoint, name, detour.offer, slot))
            paths = await self._prove(name, driver, slot)
            await self._send({(name, cable): path for cable, path in paths.items()})
            await driver.renew()
            self._opened_again()
            await self._follow(driver, slot, frozenset(paths))
        except Exception:
            await self._end(name, driver, slot)
            raise
        await self._end(name, driver, slot)

    async def _prove(self, name: str, driver: CableDriver, slot: int) -> Mapping[str, Path]:
        """The second cables, once they are there for all that carries to gateways of ours."""
        end = self._clock() + PROVEN
        while True:
            paths = (await self._look(driver, slot)).paths
            missing = needing(self._decider.plan, name) - paths.keys()
            if not missing:
                return paths
            if self._clock() >= end:
                cables = ", ".join(sorted(missing))
                raise ControlError(
                    f"no second cable beside {cables} in {PROVEN:.0f} s; nothing has changed: "
                    f"open all UDP ports of {name} on both sides, or renew --now accepts a gap"
                )
            await asyncio.sleep(LOOK)

    async def _send(self, paths: Mapping[CableKey, Path]) -> None:
        """Send by these paths, and return when the kernel does so."""
        self._decider.post(Detoured(paths))
        end = self._clock() + MOVED
        while not (self._decider.state.detours == paths and await self._routed()):
            if self._clock() >= end:
                raise ControlError(f"routes have not moved within {MOVED:.0f} s: try again")
            await asyncio.sleep(LOOK)

    async def _routed(self) -> bool:
        routing = self._decider.plan.routing
        held = await self._router.nexthops()
        if routing is None or routing.left:  # what an earlier process left may still be in use
            return False
        return set(routing.nexthops) <= set(held)

    async def _follow(self, driver: CableDriver, slot: int, cables: frozenset[str]) -> None:
        """Wait until the remotes have taken the new key; those that have not, lose packets."""
        end = self._clock() + FOLLOWED
        try:
            while behind := cables - (await self._look(driver, slot)).followed:
                if self._clock() >= end:
                    log.warning("new-key-not-taken", cables=sorted(behind), waited=FOLLOWED)
                    return
                await asyncio.sleep(LOOK)
        except (SubmarinerError, OSError) as error:  # the key is changed: go back all the same
            log.warning("new-key-not-followed", reason=str(error))

    async def _end(self, name: str, driver: CableDriver, slot: int) -> None:
        """Send by the first cables again, then remove the second ones."""
        devices = {path.device for path in self._decider.state.detours.values()}
        try:
            await self._send({})
            await wait_until_quiet(devices, self._clock, flat=0.5, limit=MOVED)
            await driver.end_detour()
        except (SubmarinerError, OSError) as error:
            log.warning("detour-left", driver=name, reason=str(error))
        finally:
            self._decider.announce(None)
        log.info("detour-ended", driver=name, slot=slot)

    async def _look(self, driver: CableDriver, slot: int) -> Detour:
        found = await driver.detour(slot)
        if found is None:
            raise ControlError("the second cables are gone: try again")
        return found
