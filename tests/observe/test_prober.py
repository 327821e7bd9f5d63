"""Probes between two real kernels."""

from __future__ import annotations

import asyncio
import struct
import time
from ipaddress import IPv4Address

import pytest
from structlog.testing import capture_logs

from submariner_core.api.model import ConnectionStatus
from submariner_core.observe.prober import Prober, Target
from submariner_core.reconcile.health import SURELY_DOWN, enough
from tests.observe.conftest import FAR, NEAR, Wire, echo, running, until

pytestmark = pytest.mark.netns

CONNECTED, CONNECTING, ERROR = (
    ConnectionStatus.CONNECTED,
    ConnectionStatus.CONNECTING,
    ConnectionStatus.ERROR,
)


class Probes:
    """A prober of one target, and what it told of it."""

    def __init__(self, interval: float = 0.03, address: IPv4Address = FAR) -> None:
        self.said: list[ConnectionStatus] = []
        self.prober = Prober(lambda _: self.said.append(self.status))
        self.prober.set_targets({"far": Target(address, NEAR, interval)})

    @property
    def health(self):
        health = self.prober.health("far")
        assert health is not None
        return health

    @property
    def status(self) -> ConnectionStatus:
        return self.health.status


async def test_an_answered_target_is_connected_with_a_round_trip_time(wire: Wire) -> None:
    probes = Probes()
    async with running(probes.prober):
        await until(lambda: probes.health.statistics.count >= 10)
    assert probes.said == [CONNECTED]
    statistics = probes.health.statistics
    assert 0 < statistics.least <= statistics.mean <= statistics.most < 1e9


async def test_three_silent_intervals_are_an_error_and_one_reply_ends_it(
    wire: Wire,
) -> None:
    """Never again 6: "error" that never recovers; "connected" while no packet passes."""
    probes = Probes()
    async with running(probes.prober):
        await until(lambda: probes.said == [CONNECTED])
        wire.mute()
        await until(lambda: probes.status is ERROR)
        assert probes.health.misses >= enough(3)
        wire.unmute()
        await until(lambda: probes.status is CONNECTED)
    assert probes.said == [CONNECTED, ERROR, CONNECTED]


async def test_a_path_that_goes_down_and_comes_up_is_logged_once_each_with_numbers(
    wire: Wire,
) -> None:
    with capture_logs() as logs:
        probes = Probes()
        async with running(probes.prober):
            await until(lambda: probes.said == [CONNECTED])
            wire.mute()
            await until(lambda: probes.status is ERROR)
            seen = probes.prober.seen("far")
            wire.unmute()
            await until(lambda: probes.status is CONNECTED)
    assert [(one["event"], one["path"]) for one in logs] == [
        ("path-up", "far"),
        ("path-down", "far"),
        ("path-up", "far"),
    ]
    first, down, again = logs
    assert first["address"] == str(FAR)
    assert first["away_ms"] is None
    assert down["misses"] >= enough(3)
    assert 0 < down["in_ms"] <= down["answered_ms_ago"]
    assert again["away_ms"] >= down["in_ms"]
    assert seen is not None
    assert seen.misses >= down["misses"]


async def test_a_peers_last_packet_that_comes_after_the_miss_is_no_sign_of_life(
    wire: Wire,
) -> None:
    probes = Probes(interval=0.1)
    request = f"ping -c1 -W0.1 -n {NEAR}"
    async with running(probes.prober):
        await until(lambda: probes.said == [CONNECTED])
        wire.mute()
        await until(lambda: probes.health.misses)
        # its kernel does not answer, but it does send
        await asyncio.to_thread(wire.namespaces.run, wire.far, request)
        await until(lambda: probes.status is ERROR)
        assert probes.health.misses < SURELY_DOWN


async def test_a_target_without_any_way_is_an_error_and_no_exception(wire: Wire) -> None:
    probes = Probes(address=IPv4Address("203.0.113.9"))
    async with running(probes.prober):
        await until(lambda: probes.said == [ERROR])


async def test_a_way_slower_than_the_interval_is_learnt_and_not_down_for_ever(wire: Wire) -> None:
    """Never again 6: replies that come after the next probe are replies all the same."""
    probes = Probes(interval=0.02)
    with wire.answer_oneself(lambda message: [(0.15, echo(message))]):
        async with running(probes.prober):
            await until(lambda: probes.health.statistics.count >= 20)
            assert probes.status is CONNECTED
            assert probes.said[-1] is CONNECTED
            assert len(probes.said) <= 2, "it flaps"
    assert probes.health.statistics.least > 0.14e9


async def test_a_round_in_which_this_process_was_late_is_not_judged(wire: Wire) -> None:
    probes = Probes()
    async with running(probes.prober):
        await until(lambda: probes.said == [CONNECTED])
        for rounds in range(1, 6):
            time.sleep(0.3)  # noqa: ASYNC251 - the loop is to be blocked
            await until(lambda least=rounds: probes.prober.void_rounds >= least)
            await until(lambda: probes.health.misses == 0)
    assert probes.said == [CONNECTED]


@pytest.mark.parametrize(
    "forge",
    [
        lambda m: echo(m[:8] + b"\0" * 8 + m[16:]),
        lambda m: echo(m[:4] + struct.pack("!H", 1) + m[6:]),
        lambda m: echo(m[:16] + struct.pack("!I", 77) + m[20:]),
        lambda m: echo(m)[:12],
        lambda m: b"\0\0\0\0",
        lambda m: m,
    ],
    ids=["another secret", "another process", "unknown target", "cut short", "bare", "a request"],
)
async def test_a_reply_that_is_not_to_our_probe_counts_for_nothing(wire: Wire, forge) -> None:
    """Never again 10: no packet stops the daemon, nor makes it believe in a dead path."""
    probes = Probes()
    with wire.answer_oneself(lambda message: [(0.0, forge(message))]):
        async with running(probes.prober):
            await until(lambda: probes.said)
    assert probes.said == [ERROR]


async def test_a_reply_from_another_address_counts_for_nothing(wire: Wire) -> None:
    wire.namespaces.run(wire.far, f"ip addr add 10.9.0.3/24 dev {wire.far_device}")
    probes = Probes()
    with wire.answer_oneself(lambda message: [(0.0, echo(message))]):
        wire.namespaces.run(wire.far, "ip addr del 10.9.0.2/24 dev " + wire.far_device)
        wire.namespaces.run(wire.near, "ip route add 10.9.0.2/32 via 10.9.0.3")
        async with running(probes.prober):
            await until(lambda: probes.said)
    assert probes.said == [ERROR]


@pytest.mark.parametrize("sent", [float("nan"), float("inf"), -1e300, 0.0, 1e300])
async def test_a_peer_that_plays_with_our_time_stamp_is_not_believed(
    wire: Wire, sent: float
) -> None:
    """Never again 10: what comes back is the peer's to choose, and stops nothing."""
    probes = Probes()
    forged = struct.pack("!d", sent)
    with wire.answer_oneself(lambda message: [(0.0, echo(message[:28] + forged))]):
        async with running(probes.prober) as task:
            await until(lambda: probes.said)
            assert not task.done()
    assert probes.said == [ERROR]
    assert probes.health.statistics.count == 0


async def test_targets_come_and_go_and_keep_what_is_known_of_them(wire: Wire) -> None:
    probes = Probes()
    prober = probes.prober
    async with running(prober):
        await until(lambda: probes.health.statistics.count >= 3)
        before = probes.health.statistics.count
        prober.set_targets({"far": Target(FAR, NEAR, 1.0), "self": Target(NEAR, None, 0.02)})
        assert probes.health.statistics.count >= before
        await until(lambda: (h := prober.health("self")) and h.answered)
        prober.set_targets({"far": Target(IPv4Address("10.9.0.7"), NEAR, 0.02)})
        assert prober.health("self") is None
        assert probes.status is CONNECTING
        await until(lambda: probes.status is ERROR)


async def test_a_longer_interval_turned_shorter_takes_effect_at_once(wire: Wire) -> None:
    """Never again 17: a standby that begins to carry is judged at the carrier's pace."""
    probes = Probes(interval=30.0)
    async with running(probes.prober):
        await until(lambda: probes.said == [CONNECTED])
        wire.mute()
        probes.prober.set_targets({"far": Target(FAR, NEAR, 0.03)})
        await until(lambda: probes.status is ERROR, seconds=2.0)


async def test_probing_beyond_its_budget_widens_intervals_and_says_what_that_gives(
    wire: Wire,
) -> None:
    wire.far_addresses(40)
    told: list[str] = []
    prober = Prober(lambda _: None, budget=0.002, widened=lambda: told.append(prober.note))
    few = {"far": Target(FAR, NEAR, 0.1)}
    many = {f"t{n}": Target(IPv4Address(0x0A090100 + n), NEAR, 0.1) for n in range(40)}
    prober.set_targets({**few, **many})
    assert (prober.detection, prober.note) == (pytest.approx(0.4), "")
    with capture_logs() as logs:
        async with running(prober):
            await until(lambda: prober.widening > 2, 10.0)
            assert prober.detection is not None
            assert prober.detection > 0.4 * 1.9
            assert f"noticed after {prober.detection:g} s" in told[-1]
            await until(lambda: all(prober.health(name).answered for name in many), 10.0)
            prober.set_targets({"far": Target(FAR, NEAR, 0.5)})
            await until(lambda: prober.note == "", 20.0)
    assert told[-1] == ""
    changes = [one for one in logs if one["event"] == "probe-pace-changed"]
    assert len(changes) == len(told) >= 2
    assert not [one for one in logs if one["event"] == "path-down"]


async def test_hundreds_of_targets_are_probed_in_one_process(wire: Wire) -> None:
    """Never again 8: of many targets, the dead ones delay no other."""
    wire.far_addresses(300)
    prober = Prober(lambda _: None)
    alive = {f"t{n}": Target(IPv4Address(0x0A090100 + n), NEAR, 0.1) for n in range(300)}
    dead = {f"d{n}": Target(IPv4Address(0x0A090800 + n), NEAR, 0.1) for n in range(50)}
    prober.set_targets({**alive, **dead})
    async with running(prober):
        await until(lambda: all(prober.health(name).answered for name in alive), 10.0)
        await until(lambda: all(prober.health(name).status is ERROR for name in dead), 10.0)
        assert all(prober.health(name).answered for name in alive)
