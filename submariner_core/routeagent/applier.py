"""Carries plans out on the node: the latest wins, failures are tried again, damage is repaired."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import structlog

from submariner_core.api.errors import SubmarinerError
from submariner_core.api.route import NodePlan, RouteDriver
from submariner_core.reconcile.node import NodeSite
from submariner_core.routeagent.events import Applied, Found

REPAIR = 5.0
"""Seconds between looks for what others removed, when nothing tells of it."""
REPAIR_SHARE = 0.02
"""The share of time that such looks may take: a node with many prefixes looks less often."""
SETTLE = 0.2
"""Seconds after a kernel event before looking: one cause often tells several times."""
BACKOFF = (0.5, 30.0)
"""First and longest wait in seconds after the driver failed."""
TIMEOUT = 30.0
"""Seconds after which a driver's call counts as failed."""

log = structlog.get_logger("submariner.routeagent")


class Applier:
    """The only caller of the route driver, one call at a time."""

    def __init__(
        self,
        driver: RouteDriver,
        site: NodeSite,
        clock: Callable[[], float],
        post: Callable[[Found | Applied], None],
    ) -> None:
        self._driver = driver
        self._site = site
        self._clock = clock
        self._post = post
        self._plan: NodePlan | None = None
        self._standing: NodePlan | None = None
        self._opened = False
        self._failure = ""
        self._due = 0.0
        self._wait = BACKOFF[0]
        self._quiet = SETTLE
        self._looked = 0.0
        self._woken = asyncio.Event()
        self.remark = ""
        """What the driver says of the node that is no failure, such as an absent CNI address."""
        self.repairs = 0
        """How often something was put back that others had removed."""

    def want(self, plan: NodePlan) -> None:
        """Replace the plan; it is carried out at once."""
        if plan != self._plan:
            self._plan = plan
            self._wait = BACKOFF[0]
            self._by(self._clock())

    def disturbed(self) -> None:
        """The kernel told of a change: look soon, the later the more often it was nothing."""
        if not self._failure:
            self._by(max(self._clock() + SETTLE, self._looked + self._quiet))

    async def run(self) -> None:
        """Carry out plans until cancelled."""
        while True:
            while (left := self._due - self._clock()) > 0:
                self._woken.clear()
                try:
                    async with asyncio.timeout(left):
                        await self._woken.wait()
                except TimeoutError:
                    pass
            await self._turn()

    async def _turn(self) -> None:
        plan, self._due = self._plan, math.inf
        began = self._clock()
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._carry_out(plan)
        except Exception as error:  # noqa: BLE001 - no driver stops the agent
            failure = _words(error)
            if failure != self._failure:
                log.warning("node-not-applied", reason=failure, retry_in=self._wait)
            again = self._wait
            self._wait = min(self._wait * 2, BACKOFF[1])
        else:
            took = self._clock() - began
            failure, again = "", max(REPAIR, took / REPAIR_SHARE)
            self._wait = BACKOFF[0]
        self._looked = self._clock()
        self._due = min(self._due, self._looked + again)
        if failure != self._failure or (not failure and plan != self._standing):
            self._failure = failure
            self._standing = self._standing if failure else plan
            self._post(Applied(plan, failure))

    async def _carry_out(self, plan: NodePlan | None) -> None:
        if not self._opened:
            await self._driver.open(self._site.node, self._site.cluster_cidr)
            self._post(Found(await self._driver.observe()))
            self._opened = True
        if plan is None:
            return
        if plan != self._standing or self._failure:
            await self._driver.apply(plan)
            await self._remark()
        elif await self._driver.repair():
            self.repairs += 1
            self._quiet = SETTLE
            log.info("node-repaired")
        else:
            self._quiet = min(self._quiet * 2, REPAIR)

    async def _remark(self) -> None:
        """Say what the driver has to say of the node, once."""
        remark = (await self._driver.observe()).message
        if remark and remark != self.remark:
            log.warning("node-remark", remark=remark)
        self.remark = remark

    def _by(self, moment: float) -> None:
        self._due = min(self._due, moment)
        self._woken.set()


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"the route driver did not answer within {TIMEOUT:.0f} s"
    if isinstance(error, (SubmarinerError, OSError)):
        return str(error)
    log.error("route-driver-broken", exc_info=error)
    return f"the route driver raised {error!r}"
