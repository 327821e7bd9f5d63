"""What goes wrong between two gateways, and how it is said; other cables are not affected."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import time
from ipaddress import ip_network

import pytest
from pydantic import SecretStr

from submariner_core.api.model import ConnectionStatus
from tests.plugins.libreswan.site import until

pytestmark = [pytest.mark.netns]

ERROR = ConnectionStatus.ERROR


async def _three(underlay, east=(), west=(), north=()):
    """A cable from east to each of the two others; the names tell that east is the caller."""
    gateways = [
        underlay.gateway("east", "172.31.0.1", **dict(east)),
        underlay.gateway("north", "172.31.0.3", **dict(north)),
        underlay.gateway("west", "172.31.0.2", **dict(west)),
    ]
    for one in gateways:
        await one.open()
    for one in gateways[1:]:
        await one.connect(gateways[0].endpoint)
        await gateways[0].connect(one.endpoint)
    return gateways


async def test_a_wrong_psk_is_said_at_both_ends_and_recovers_by_itself(underlay):
    wrong = {"psk": SecretStr("another secret, which is long enough for SHA2-512 too")}
    east, north, west = await _three(underlay, west=wrong)
    async with east.kept(), west.kept(), north.kept():
        await east.failed(west.endpoint, "PSK the same at both ends")
        await west.failed(east.endpoint, "PSK the same at both ends")
        await east.connected(north.endpoint)
        east.ping(north.pods[0])
        state = await east.state(west.endpoint)
        assert "another secret" not in state.message
    await west.restart(psk=None)
    await west.open()
    await west.connect(east.endpoint)
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)


async def test_proposals_that_do_not_match_are_both_named(underlay):
    one = {"ike_proposals": ("aes128gcm16-prfsha256-ecp256",)}
    other = {"ike_proposals": ("aes256gcm16-prfsha384-ecp384",)}
    east, north, west = await _three(underlay, east=one, west=other)
    async with east.kept(), west.kept(), north.kept():
        state = await east.failed(west.endpoint, "proposals")
        assert "aes128gcm16-prfsha256-ecp256" in state.message
        assert "aes256gcm16-prfsha384-ecp384" in state.message
        await west.failed(east.endpoint, "proposal")
        await east.connected(north.endpoint)


async def test_child_proposals_that_do_not_match_are_both_named(underlay):
    one = {"esp_proposals": ("aes128gcm16-ecp256",)}
    other = {"esp_proposals": ("aes256gcm16-ecp384",)}
    east, north, west = await _three(underlay, east=one, west=other)
    async with east.kept(), west.kept(), north.kept():
        state = await east.failed(west.endpoint, "proposals")
        assert "aes128gcm16-ecp256" in state.message
        assert "aes256gcm16-ecp384" in state.message
        await east.connected(north.endpoint)


async def test_subnets_that_differ_are_said(underlay):
    east, north, west = await _three(underlay)
    other = dataclasses.replace(west.endpoint, subnets=(ip_network("10.99.0.0/16"),))
    async with east.kept(), west.kept(), north.kept():
        await east.connected(west.endpoint)
        await east.connect(other)
        await east.failed(west.endpoint, "subnets")
        await east.connected(north.endpoint)
        await east.connect(west.endpoint)
        await east.connected(west.endpoint)


@pytest.mark.timeout(150)
async def test_a_peer_that_does_not_answer_holds_nobody_up(underlay):
    east = underlay.gateway("east", "172.31.0.1")
    west = underlay.gateway("west", "172.31.0.2")
    silent = underlay.gateway("north", "172.31.0.3")
    await east.open()
    await west.open()
    await west.connect(east.endpoint)
    async with east.kept(), west.kept():
        began = time.monotonic()
        await east.connect(silent.endpoint)
        await east.connect(west.endpoint)
        assert time.monotonic() - began < 5
        await east.connected(west.endpoint)
        assert (await east.state(silent.endpoint)).status is ConnectionStatus.CONNECTING
        state = await east.failed(silent.endpoint, "172.31.0.3:4500")
        assert "UDP port open" in state.message or "is the port open" in state.message
        await silent.open()
        await silent.connect(east.endpoint)
        async with silent.kept():
            await east.connected(silent.endpoint)
            await silent.connected(east.endpoint)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("whose", ["own", "peer"])
async def test_a_daemon_that_is_killed_comes_back_with_all_its_tunnels(underlay, whose):
    east, north, west = await _three(underlay)
    mortal = east if whose == "own" else west
    async with east.kept(), west.kept(), north.kept():
        for one in (north, west):
            await east.connected(one.endpoint)
            await one.connected(east.endpoint)
        [pid] = mortal.daemons()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: mortal.driver.figures.restarts)
        [new] = mortal.daemons()
        assert new != pid
        for one in (north, west):
            await east.connected(one.endpoint)
            await one.connected(east.endpoint)
            for end, other in ((east, one), (one, east)):
                if end.plane == "userspace":  # the device is another one: the core routes anew
                    await end.connect(other.endpoint)
            async with asyncio.timeout(20):
                while True:
                    try:
                        one.ping(east.pods[0])
                        east.ping(one.pods[0], 3)
                        break
                    except AssertionError:
                        await asyncio.sleep(0.2)
        for one in (east, north, west):
            if one.kind == "strongswan":
                await one.settled(*((2, 2) if one is east else (1, 1)))
            if one.kind == "strongswan" and one.plane == "interfaces":
                tunnels = 2 if one is east else 1
                await until(lambda: one.run("ip xfrm state").count("if_id") == 2 * tunnels)  # noqa: B023
        assert mortal.driver.figures.restarts == 1
        assert 0 < mortal.driver.figures.gap < 20


@pytest.mark.timeout(150)
async def test_a_daemon_that_hangs_is_said_and_left_alone(underlay):
    east, west = await underlay.pair()
    seen = []
    async with west.kept(), east.kept(seen):
        await east.connected(west.endpoint)
        [pid] = east.daemons()
        os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: seen[-1] and seen[-1][0].status is ERROR)
            assert "answer" in seen[-1][0].message
        finally:
            os.kill(pid, signal.SIGCONT)
        await east.connected(west.endpoint)
        await until(lambda: seen[-1] and seen[-1][0].status is ConnectionStatus.CONNECTED)
        assert east.daemons() == [pid]
        assert east.driver.figures.restarts == 0
        east.ping(west.pods[0])
