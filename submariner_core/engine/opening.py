"""Opens the cable drivers and tells what this gateway advertises; again when its node changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address

import structlog

from submariner_core.api.cable import CableDriver, LocalGateway
from submariner_core.api.errors import ConfigError, SubmarinerError
from submariner_core.api.naming import cable_name
from submariner_core.config.settings import Settings
from submariner_core.daemon.clock import boot_clock
from submariner_core.daemon.complaint import Complaint
from submariner_core.daemon.node import private_ip, underlay
from submariner_core.engine import local
from submariner_core.engine.events import Event, Observed, Opened
from submariner_core.kernel import Kernel, KernelError
from submariner_core.reconcile.drivers import advertise

OPEN_TIMEOUT = 20.0
OBSERVE_TIMEOUT = 10.0
RETRY = 5.0
"""Seconds until a driver that could not be opened is tried again."""
SETTLE = 0.2
"""Seconds after a change of the node before looking: one cause often tells several times."""
LOOKS = 10.0
"""A look is followed by a pause of this many times what it took: changes may be endless."""

log = structlog.get_logger("submariner.engine")


class Opening:
    """Keeps the drivers open.

    ``slot`` gives this gateway's number within its cluster, asked each time by its cable's name;
    ``None`` if all are taken. ``public_ip`` gives the address that others see, if it is known.
    """

    def __init__(
        self,
        settings: Settings,
        kernel: Kernel,
        drivers: Sequence[tuple[str, CableDriver]],
        post: Callable[[Event], None],
        slot: Callable[[str], int | None],
        public_ip: Callable[[], IPv4Address | None],
    ) -> None:
        self._settings = settings
        self._kernel = kernel
        self._drivers = drivers
        self._post = post
        self._slot = slot
        self._public_ip = public_ip
        self._again = asyncio.Event()
        self._last: Opened | None = None
        self.done = asyncio.Event()
        """Set once the drivers were opened for the first time."""

    def again(self) -> None:
        """Something changed on the node: look whether other things are to be advertised."""
        self._again.set()

    async def run(self) -> None:
        """Open until cancelled.

        Raises :class:`ConfigError` if the node has no address or no slot is left, but only at the
        start: a node that loses its address later is still the one that others know.
        """
        while True:
            self._again.clear()
            began = boot_clock()
            again_in: float | None = None
            try:
                opened = await self._open()
            except KernelError as error:
                if self._last is None:
                    raise
                log.warning("node-not-read", reason=str(error), retry_in=RETRY)
                again_in = RETRY
            else:
                again_in = RETRY if opened.failures else None
                self._tell(opened)
            pause = SETTLE + LOOKS * (boot_clock() - began)
            try:
                async with asyncio.timeout(again_in):
                    await self._again.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(min(pause, RETRY))

    def _tell(self, opened: Opened) -> None:
        if opened != self._last:
            self._last = opened
            log.info("opened", cable=opened.own.endpoint.cable_name, failed=opened.failures)
            self._post(opened)
        self.done.set()

    async def _private_ip(self) -> IPv4Address:
        try:
            return await private_ip(self._settings, self._kernel)
        except ConfigError as error:
            known = self._last.own.endpoint.private_ip if self._last is not None else None
            if not isinstance(known, IPv4Address):
                raise
            log.warning("no-address", reason=str(error), kept=str(known))
            return known

    async def _underlay(self, private: IPv4Address) -> str | None:
        device = await underlay(private, self._kernel)
        return self._last.own.underlay if device is None and self._last is not None else device

    def _number(self, private: IPv4Address) -> int:
        slot = self._slot(cable_name(self._settings.cluster_id, private))
        if slot is not None:
            return slot
        if self._last is not None:
            return self._last.own.slot
        raise ConfigError(
            f"cluster {self._settings.cluster_id!r} has as many gateways as there are slots; "
            "take the gateway label off a node"
        )

    async def _open(self) -> Opened:
        settings = self._settings
        private = await self._private_ip()
        slot = self._number(private)
        device = await self._underlay(private)
        link = await self._kernel.links.get(device) if device is not None else None
        mtu = link.mtu if link is not None else 0
        probe = await local.health_check_ip(settings.cluster_cidr, self._kernel)
        public = self._public_ip()
        plain = local.own_endpoint(settings, private, public, probe, (self._drivers[0][0], {}))
        offers: list[tuple[str, Mapping[str, str]]] = []
        failures: dict[str, str] = {}
        for name, driver in self._drivers:
            try:
                async with asyncio.timeout(OPEN_TIMEOUT):
                    offer = (name, await driver.open(LocalGateway(plain, slot, device)))
                advertise((*offers, offer))  # one that cannot be advertised is its driver's fault
                offers.append(offer)
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
        return Opened(LocalGateway(endpoint, slot, device), failures, mtu)


async def observe(name: str, driver: CableDriver, post: Callable[[Event], None]) -> None:
    """Post what a driver holds; a failure is logged and the last observation stands."""
    try:
        async with asyncio.timeout(OBSERVE_TIMEOUT):
            states = tuple(await driver.observe())
    except (SubmarinerError, OSError, TimeoutError) as error:
        log.warning("observe-failed", driver=name, reason=str(error) or "no answer")
    except Exception:
        log.exception("driver-bug", driver=name)
    else:
        post(Observed(name, states))


async def keep_observing(
    name: str, driver: CableDriver, post: Callable[[Event], None], opened: asyncio.Event
) -> None:
    """Post a driver's observations until cancelled, starting once it is open."""
    blind = Complaint(log, "observe-failed", "observed-again", driver=name)
    await opened.wait()
    while True:
        try:
            async for states in driver.watch():
                blind.settled()
                post(Observed(name, tuple(states)))
        except (SubmarinerError, OSError, TimeoutError) as error:
            blind.about(str(error) or "no answer")
        except Exception as error:  # noqa: BLE001 - no plugin stops the gateway
            blind.about(f"{type(error).__name__}: {error}", error)
        await asyncio.sleep(RETRY)
