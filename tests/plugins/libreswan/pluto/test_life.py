"""One pluto after another, and one process of ours after another."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from submariner_libreswan.daemon import DaemonGone

from tests.plugins import ipsec

pytestmark = [pytest.mark.netns, pytest.mark.kernel, ipsec.needs_pluto]


async def _made(underlay):
    (east, there), (west, back) = await underlay.pair()
    east.route(there)
    west.route(back)
    await east.call(there)
    await east.up(there)
    await west.up(back)
    return east, there, west, back


async def test_a_successor_finds_what_was_loaded_and_no_packet_is_lost(underlay):
    east, there, _, _ = await _made(underlay)
    [pid] = east.daemons()
    [child] = (await east.state(there)).children
    pings = underlay.netns.start(east.namespace, "ping -c40 -i0.05 -W2 -I10.1.0.1 10.2.0.1")
    with east.entered() as pluto:
        await pluto.close()
    east.another()
    assert await east.start() is False
    assert [one.key for one in (await east.state(there)).children] == [child.key]
    await east.load(underlay.gateways[1])
    said, _ = pings.communicate(timeout=20)
    assert "40 received" in said
    assert [one.key for one in (await east.state(there)).children] == [child.key]
    assert east.daemons() == [pid]


async def test_what_differs_is_loaded_anew_and_the_rest_is_left_alone(underlay):
    subnets = [("10.1.0.0/24", "10.2.0.0/24"), ("10.1.0.0/24", "10.2.1.0/24")]
    (east, there), (west, back) = await underlay.pair(subnets=subnets)
    await east.call(there)
    before = {child.pair: child.key for child in (await east.up(there)).children}
    await west.up(back)
    changed = [("10.1.0.0/24", "10.2.0.0/24"), ("10.1.0.0/24", "10.2.2.0/24")]
    there = await east.load(west, subnets=changed)
    state = await east.state(there)
    assert {child.pair: child.key for child in state.children} == {(0, 0): before[0, 0]}
    assert "10.2.1.0/24" not in east.ipsec("--status")


async def test_a_tunnel_that_was_left_is_seen_and_can_be_unloaded(underlay):
    east, there, west, back = await _made(underlay)
    east.another()
    await east.start()
    assert set(await east.states()) == {there.name}
    with east.entered() as pluto:
        await pluto.unload(there.name)
    assert await east.states() == {}
    await west.until(back, lambda state: not state.children)
    assert "proto esp" not in east.run("ip xfrm state")


async def test_a_pluto_that_died_is_noticed_at_once_and_its_packets_go_on(underlay):
    east, there, west, _ = await _made(underlay)
    await east.state(there)
    with east.entered() as pluto:
        waiting = asyncio.ensure_future(pluto.changed())
        await asyncio.sleep(0)
        east.kill()
        async with asyncio.timeout(3):
            await waiting
    with pytest.raises(DaemonGone, match="pluto has died"):
        await east.states()
    east.ping("10.1.0.1", "10.2.0.1", 2)
    pings = underlay.netns.start(east.namespace, "ping -c60 -i0.05 -W2 -I10.1.0.1 10.2.0.1")
    assert await east.start() is True
    await east.load(west)
    await east.call(there)
    await east.up(there)
    await asyncio.sleep(0)
    said, _ = pings.communicate(timeout=20)
    assert int(said.split(" received")[0].rsplit(" ", 1)[1]) >= 58
    # what the dead one left is gone once there is something else
    await east.state(there)
    assert east.run("ip xfrm state").count("proto esp") == 2


async def test_a_pluto_that_was_started_anew_by_others_is_told_apart(underlay):
    east, _, _, _ = await _made(underlay)
    first = east.pluto
    east.kill()
    await _deserted(east)
    east.another()
    assert await east.start() is True
    with pytest.raises(DaemonGone, match="anew"):
        await first.observe()


async def _deserted(gateway):
    async with asyncio.timeout(10):
        while gateway.daemons():  # noqa: ASYNC110 - they are not our children
            await asyncio.sleep(0.02)


async def test_stop_removes_every_trace_in_a_process_that_opened_nothing(underlay):
    east, _, west, back = await _made(underlay)
    [pid] = east.daemons()
    with east.entered():
        await east.another().stop()
    assert east.daemons() == []
    assert not Path(f"/proc/{pid}").exists()
    assert not east.folder.exists()
    assert "proto esp" not in east.run("ip xfrm state")
    assert "10.2.0.0/16" not in east.run("ip xfrm policy")
    await west.until(back, lambda state: not state.children)
    assert "ipv6-icmp" not in east.run("ip xfrm policy")
    with east.entered():
        await east.another().stop()  # and once more


async def test_a_number_that_is_another_programs_by_now_is_not_ended(underlay):
    east = underlay.gateway(1)
    await east.start()
    east.kill()
    await _deserted(east)
    (east.folder / "run" / "pluto.pid").write_text(f"{os.getpid()}\n")
    with pytest.raises(DaemonGone):
        await east.states()
    with east.entered():
        await east.another().stop()
    assert not east.folder.exists()


async def test_stop_removes_what_a_dead_pluto_left_in_the_kernel(underlay):
    east, _, _, _ = await _made(underlay)
    east.run(
        "ip xfrm state add src 10.9.9.1 dst 10.9.9.2 proto esp spi 0x77 mode tunnel "
        f"aead rfc4106(gcm(aes)) 0x{'11' * 20} 128"
    )
    east.kill()
    with east.entered():
        await east.another().stop()
    states = east.run("ip xfrm state")
    assert states.count("proto esp") == 1
    assert "0x00000077" in states
    assert "10.2.0.0/16" not in east.run("ip xfrm policy")


async def test_the_daemon_has_a_session_of_its_own_and_nothing_of_our_environment(
    underlay, monkeypatch
):
    monkeypatch.setenv("SUBMARINER_PSK", "shown to nobody")
    east = underlay.gateway(1)
    await east.start()
    [pid] = east.daemons()
    assert os.getsid(pid) != os.getsid(0)
    assert b"SUBMARINER_PSK" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert (east.folder.stat().st_mode & 0o777) == 0o700
    assert ((east.folder / "secrets").stat().st_mode & 0o777) == 0o600
    os.kill(pid, signal.SIGTERM)
