"""Opens the cable drivers and tells what this gateway advertises; again when its node changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from submariner_core.api.cable import CableDriver, LocalGateway
from submariner_core.api.errors import SubmarinerError
from submariner_core.config.settings import Settings
from submariner_core.daemon.node import private_ip
from submariner_core.engine import local
from submariner_core.engine.events import Event, Observed, Opened
from submariner_core.kernel import Kernel
from submariner_core.reconcile.drivers import advertise

OPEN_TIMEOUT = 20.0
OBSERVE_TIMEOUT = 10.0
RETRY = 5.0
"""Seconds until a driver that could not be opened is tried again."""

log = structlog.get_logger("submariner.engine")


class Opening:
    """Keeps the drivers open. ``slot`` is this gateway's number within its cluster."""

    def __init__(
        self,
        settings: Settings,
        kernel: Kernel,
        drivers: Sequence[tuple[str, CableDriver]],
        post: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._kernel = kernel
        self._drivers = drivers
        self._post = post
        self._again = asyncio.Event()
        self._last: Opened | None = None

    def again(self) -> None:
        """Something changed on the node: look whether other things are to be advertised."""
        self._again.set()

    async def run(self, slot: int) -> None:
        """Open until cancelled. Raises :class:`ConfigError` if the node has no address."""
        while True:
            opened = await self._open(slot)
            if opened != self._last:
                self._last = opened
                log.info("opened", cable=opened.own.endpoint.cable_name, failed=opened.failures)
                self._post(opened)
            try:
                async with asyncio.timeout(RETRY if opened.failures else None):
                    await self._again.wait()
            except TimeoutError:
                continue
            self._again.clear()

    async def _open(self, slot: int) -> Opened:
        settings = self._settings
        private = await private_ip(settings, self._kernel)
        probe = await local.health_check_ip(settings.cluster_cidr, self._kernel)
        public = local.fixed_public_ip(settings.public_ip)
        plain = local.own_endpoint(settings, private, public, probe, (self._drivers[0][0], {}))
        offers: list[tuple[str, Mapping[str, str]]] = []
        failures: dict[str, str] = {}
        for name, driver in self._drivers:
            try:
                async with asyncio.timeout(OPEN_TIMEOUT):
                    offers.append((name, await driver.open(LocalGateway(plain, slot))))
            except (SubmarinerError, OSError, TimeoutError) as error:
                failures[name] = str(error) or f"no answer within {OPEN_TIMEOUT:.0f} s"
            except Exception as error:
                log.exception("driver-bug", driver=name)
                failures[name] = f"{type(error).__name__}: {error}"
        for name, driver in self._drivers:
            if name not in failures:
                await observe(name, driver, self._post)
        advertised = advertise(offers) if offers else (self._drivers[0][0], {})
        endpoint = local.own_endpoint(settings, private, public, probe, advertised)
        return Opened(LocalGateway(endpoint, slot), failures)


async def observe(name: str, driver: CableDriver, post: Callable[[Event], None]) -> None:
    """Post what a driver holds; a failure is logged and the last observation stands."""
    try:
        async with asyncio.timeout(OBSERVE_TIMEOUT):
            states = tuple(await driver.observe())
    except (SubmarinerError, OSError, TimeoutError) as error:
        log.warning("observe-failed", driver=name, reason=str(error) or "no answer")
    else:
        post(Observed(name, states))


async def keep_observing(
    name: str, driver: CableDriver, post: Callable[[Event], None], opened: asyncio.Event
) -> None:
    """Post a driver's observations until cancelled, starting once it is open."""
    await opened.wait()
    while True:
        try:
            async for states in driver.watch():
                post(Observed(name, tuple(states)))
        except (SubmarinerError, OSError, TimeoutError) as error:
            log.warning("observe-failed", driver=name, reason=str(error) or "no answer")
        except Exception:
            log.exception("driver-bug", driver=name)
        await asyncio.sleep(RETRY)
