"""The drivers are opened, and again when the node changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from submariner_core.api.errors import ConfigError
from submariner_core.api.network import Address, Link, RouteLookup
from submariner_core.config.settings import PluginNames, Settings
from submariner_core.engine import opening as room
from submariner_core.engine.events import Event, Observed, Opened
from submariner_core.engine.opening import RETRY, Opening, keep_observing
from submariner_core.kernel import KernelError
from submariner_core.testing import MemoryCableDriver

pytestmark = pytest.mark.looptime


class Node:
    """Stands for the kernel: an address on the underlay, one in the cluster CIDR."""

    def __init__(self) -> None:
        self.routes, self.addresses, self.links = self, self, self
        self.mtu = 1500
        self.underlay: IPv4Address | None = IPv4Address("192.0.2.1")
        self.failure: KernelError | None = None

    async def lookup(self, _destination: object) -> RouteLookup | None:
        if self.failure is not None:
            raise self.failure
        if self.underlay is None:
            return None
        return RouteLookup("eth0", None, self.underlay, 1500)

    async def get(self, name: str) -> Link:
        return Link(name, 2, "veth", up=True, mtu=self.mtu, mac="")

    async def list(self) -> tuple[Address, ...]:
        held = [Address("cni0", IPv4Interface("10.1.0.1/24"))]
        if self.underlay is not None:
            held.append(Address("eth0", IPv4Interface(f"{self.underlay}/24")))
        return tuple(held)


class Site:
    """Two drivers on a node, and what is posted."""

    def __init__(self) -> None:
        self.node = Node()
        self.first, self.second = MemoryCableDriver(name="one"), MemoryCableDriver(name="two")
        self.drivers = [("one", self.first), ("two", self.second)]
        self.posted: list[Event] = []
        self.slot: int | None = 0
        plugins = PluginNames(cable=("one", "two"), election="x", datastore="x")
        self.settings = Settings(
            cluster_id="east",
            cluster_cidr=("10.1.0.0/16",),  # type: ignore[arg-type]
            plugins=plugins,
            node_name="east-1",
            state_dir=Path("/nowhere"),
        )
        self.public: IPv4Address | None = None
        self.opening = self.made()

    def made(self) -> Opening:
        kernel: Any = self.node
        return Opening(
            self.settings,
            kernel,
            self.drivers,
            self.posted.append,
            lambda _: self.slot,
            lambda: self.public,
        )

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.opening.run())
        await asyncio.sleep(0.01)
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    @property
    def opened(self) -> list[Opened]:
        return [event for event in self.posted if isinstance(event, Opened)]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(room, "boot_clock", lambda: asyncio.get_running_loop().time())
    return Site()


async def test_what_is_held_is_told_before_what_is_advertised(site: Site) -> None:
    """Never again 7: what an earlier process left is known before anything is planned."""
    site.first.advertise, site.second.advertise = {"udp-port": "4500"}, {"udp-port": "4520"}
    async with site.open():
        assert [type(event) for event in site.posted] == [Observed, Observed, Opened]
    own = site.opened[0].own.endpoint
    assert (own.backend, dict(own.backend_config)) == (
        "one",
        {
            "natt-discovery-port": "4490",
            "udp-port": "4500",
            "two/udp-port": "4520",
            "two/order": "1",
        },
    )
    assert (own.private_ip, own.health_check_ip) == (site.node.underlay, IPv4Address("10.1.0.1"))


@pytest.mark.parametrize(
    ("said", "balanced"),
    [
        ({"public_ip": "lb:gateway, ipv4:203.0.113.1"}, True),
        ({"public_ip": " lb:gateway"}, True),
        ({"public_ip": "ipv4:203.0.113.1, lb:gateway"}, False),
        ({"node_public_ip": "lb:gateway"}, True),
        ({"public_ip": "lb:gateway", "node_public_ip": "ipv4:203.0.113.1"}, False),
        ({"public_ip": "lb:gateway", "air_gapped": True}, False),
        ({}, False),
    ],
)
async def test_a_gateway_behind_a_load_balancer_says_so_before_its_address_is_known(
    site: Site, said: dict[str, Any], balanced: bool
) -> None:
    site.settings = site.settings.model_copy(update=said)
    site.opening = site.made()
    async with site.open():
        own = site.opened[0].own.endpoint
    assert own.public_ip is None
    assert own.backend_config.get("using-loadbalancer") == ("true" if balanced else None)


async def test_another_mtu_of_the_underlay_is_told(site: Site) -> None:
    async with site.open():
        assert [one.underlay_mtu for one in site.opened] == [1500]
        site.node.mtu = 1400
        site.opening.again()
        await asyncio.sleep(RETRY + 1)
    assert [one.underlay_mtu for one in site.opened] == [1500, 1400]


async def test_a_driver_that_fails_is_named_and_tried_again(site: Site) -> None:
    site.second.fail("open", "no daemon")
    async with site.open():
        assert list(site.opened[0].failures) == ["two"]
        site.second.heal("open")
        await asyncio.sleep(RETRY + 1)
        assert site.opened[-1].failures == {}
        assert len(site.opened) == 2


@pytest.mark.parametrize("advertise", [{"a/b": "1"}, {"order": "1"}, {"": "x"}, None, 7])
async def test_a_driver_that_advertises_nonsense_harms_only_itself(
    site: Site, advertise: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never again 10: no plugin stops the daemon."""

    async def nonsense(_local: object) -> object:
        return advertise

    monkeypatch.setattr(site.second, "open", nonsense)
    async with site.open() as task:
        assert not task.done()
        assert list(site.opened[0].failures) == ["two"]
        assert site.opened[0].own.endpoint.backend == "one"


@pytest.mark.parametrize("answer", [TypeError("a bug"), None])
async def test_a_driver_that_cannot_tell_what_it_holds_harms_only_itself(
    site: Site, answer: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> Any:
        if answer is not None:
            raise answer

    monkeypatch.setattr(site.first, "observe", broken)
    async with site.open() as task:
        assert not task.done()
        assert [event.driver for event in site.posted if isinstance(event, Observed)] == ["two"]


async def test_a_node_without_an_address_cannot_start(site: Site) -> None:
    site.node.underlay = None
    with pytest.raises(ConfigError, match="private_ip"):
        await site.opening.run()


async def test_a_node_that_loses_its_address_goes_on_with_the_one_that_others_know(
    site: Site,
) -> None:
    """Never again 4: an uplink that goes for a moment is no reason to exit."""
    async with site.open() as task:
        site.node.underlay = None
        site.opening.again()
        await asyncio.sleep(10)
        assert not task.done()
        site.node.failure = KernelError("way", "read", 110)
        site.opening.again()
        await asyncio.sleep(10)
        assert not task.done()
        assert len(site.opened) == 1
        site.node.failure, site.node.underlay = None, IPv4Address("192.0.2.77")
        await asyncio.sleep(10)
        site.opening.again()
        await asyncio.sleep(10)
        assert site.opened[-1].own.endpoint.private_ip == IPv4Address("192.0.2.77")


async def test_no_slot_left_is_an_error_at_the_start_only(site: Site) -> None:
    site.slot = None
    with pytest.raises(ConfigError, match="as many gateways as there are slots"):
        await site.opening.run()
    site.slot = 2
    async with site.open() as task:
        site.slot = None
        site.opening.again()
        await asyncio.sleep(5)
        assert not task.done()
        site.slot = 1
        site.opening.again()
        await asyncio.sleep(5)
    assert [event.own.slot for event in site.opened] == [2, 1]


async def test_an_endless_stream_of_kernel_events_is_looked_at_now_and_then(site: Site) -> None:
    """Never again 14: our own writes are told to us as well."""
    async with site.open():
        for _ in range(1000):
            site.opening.again()
            await asyncio.sleep(0.01)
        assert site.first.calls.count(("open", "open")) < 100
        assert len(site.opened) == 1


async def observing(driver: MemoryCableDriver, seconds: float, then: Callable[[], None]) -> list:
    posted: list[Event] = []
    opened = asyncio.Event()
    task = asyncio.create_task(keep_observing("one", driver, posted.append, opened))
    await asyncio.sleep(1)
    assert posted == []
    opened.set()
    await asyncio.sleep(0.01)
    then()
    await asyncio.sleep(seconds)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return posted


async def test_changes_are_told_from_when_the_drivers_are_open(site: Site) -> None:
    posted = await observing(site.first, 1.0, lambda: site.first.host.act("something"))
    assert [type(event) for event in posted] == [Observed, Observed]


async def test_a_watch_that_raises_or_ends_is_begun_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([TypeError("a bug"), KernelError("x", "list", 5), None, None])

    async def watch() -> AsyncIterator[tuple]:
        answer = next(answers)
        if answer is not None:
            raise answer
        yield ()

    monkeypatch.setattr(site.first, "watch", watch)
    assert len(await observing(site.first, 3 * RETRY + 1, lambda: None)) == 2


async def test_a_driver_that_cannot_tell_what_it_holds_is_logged_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def watch() -> AsyncIterator[tuple]:
        raise TypeError("a bug")
        yield ()

    monkeypatch.setattr(site.first, "watch", watch)
    with capture_logs() as logs:
        await observing(site.first, 20 * RETRY, lambda: None)
    assert [(one["event"], one["log_level"]) for one in logs] == [("observe-failed", "error")]


async def test_a_public_address_that_is_found_later_is_advertised(site: Site) -> None:
    """Never again 12: a change of public IP at run time that is never applied."""
    async with site.open():
        assert site.opened[-1].own.endpoint.public_ip is None
        site.public = IPv4Address("203.0.113.9")
        site.opening.again()
        await asyncio.sleep(30)  # of a clock that jumps
    assert site.opened[-1].own.endpoint.public_ip == site.public
