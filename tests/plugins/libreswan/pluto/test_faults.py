"""What does not succeed, and in which words that is told."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket

import pytest
from submariner_libreswan.daemon import DaemonGone
from submariner_libreswan.plane import Plane

from submariner_core.api.errors import CableError
from tests.plugins import ipsec

pytestmark = [pytest.mark.netns, ipsec.needs_pluto]
kernel = pytest.mark.kernel


async def _strangers(underlay, other=(), load=True, **settings):
    """Two gateways, the second of which has other terms."""
    east, west = underlay.gateway(1), underlay.gateway(2)
    await east.start()
    await west.start(*other, **settings)
    there = await east.load(west)
    back = None
    if load:
        back = await west.load(east, subnets=[("10.2.0.0/16", "10.1.0.0/16")], calls=False)
    return east, there, west, back


@kernel
async def test_another_psk_is_told_at_both_ends(underlay):
    east, there, west, back = await _strangers(underlay, ["another secret, as long as the other"])
    await east.call(there)
    state = await east.failed(there, "AUTHENTICATION_FAILED")
    assert "is the PSK the same at both ends?" in state.error
    assert "does not fit our PSK" in (await west.failed(back, "PSK")).error


@kernel
async def test_ike_proposals_without_a_common_one_are_told_with_both_offers(underlay):
    east, there, west, back = await _strangers(underlay, ike=("aes128-sha256-modp3072",))
    there = dataclasses.replace(there, offers="aes128-sha256-modp3072")
    with east.entered() as pluto:
        await pluto.load(there)
    await east.call(there)
    state = await east.failed(there, "accepts none of the IKE proposals")
    assert "aes256gcm16-aes128gcm16-prfsha512" in state.error
    assert "the other end says that it offers aes128-sha256-modp3072" in state.error
    state = await west.failed(back, "no common proposal")
    assert "AES_GCM_C_256" in state.error
    assert "this end accepts aes128-sha256-modp3072" in state.error


@kernel
async def test_esp_proposals_without_a_common_one_are_told_with_both_offers(underlay):
    east, there, west, back = await _strangers(underlay, esp=("aes128-sha256-modp3072",))
    await east.call(there)
    state = await east.failed(there, "accepts none of the ESP proposals")
    assert "aes256gcm16-aes128gcm16-x25519" in state.error
    state = await west.failed(back, "no common proposal")
    assert "this end accepts aes128-sha256-modp3072" in state.error


@kernel
async def test_subnets_that_do_not_match_are_named(underlay):
    east, there, _, _ = await _strangers(underlay, load=False)
    await underlay.gateways[1].load(east, subnets=[("10.9.0.0/16", "10.1.0.0/16")])
    await east.call(there)
    state = await east.failed(there, "TS_UNACCEPTABLE")
    assert "10.1.0.0/16 = 10.2.0.0/16" in state.error


@kernel
async def test_a_peer_that_is_not_there_delays_nobody(underlay):
    (east, there), _ = await underlay.pair()
    nobody = await east.load(
        "172.31.0.9", subnets=[("10.1.0.0/16", "10.9.0.0/16")], interface=4501
    )
    await east.call(nobody)
    await east.call(there)
    await east.up(there)
    assert (await east.state(nobody)).calling is True
    state = await east.failed(nobody, "no answer")
    assert "is its UDP port open?" in state.error
    assert (await east.state(there)).error == ""


@kernel
async def test_a_pluto_that_hangs_is_told_left_alone_and_ended_in_the_end(underlay, monkeypatch):
    monkeypatch.setattr("submariner_libreswan.pluto.whack.TIMEOUT", 1.0)
    (east, there), _ = await underlay.pair()
    await east.call(there)
    await east.up(there)
    [pid] = east.daemons()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DaemonGone, match="did not answer whack --trafficstatus"):
        await east.states()
    with pytest.raises(CableError, match="did not answer"):
        await east.start()
    assert east.daemons() == [pid]
    os.kill(pid, signal.SIGCONT)
    assert await east.start() is False
    await east.up(there)
    os.kill(pid, signal.SIGSTOP)
    with east.entered():
        await east.another().stop()
    assert east.daemons() == []
    assert "proto esp" not in east.run("ip xfrm state")


@kernel
async def test_an_error_is_gone_once_the_tunnel_stands(underlay):
    east, there, west, back = await _strangers(underlay, ["another secret, as long as the other"])
    await east.call(there)
    await east.failed(there, "AUTHENTICATION_FAILED")
    await west.start()
    await east.call(there)
    assert (await east.up(there)).error == ""
    assert (await west.up(back)).error == ""


@kernel
@pytest.mark.parametrize("caller", [True, False])
async def test_each_end_tries_every_accepted_psk_and_a_rotation_disturbs_nothing(
    underlay, psk, caller
):
    new = "the next secret of this cluster set, as long as that"
    (east, there), (west, back) = await underlay.pair()
    east.route(there)
    west.route(back)
    await east.call(there)
    [child] = (await east.up(there)).children
    await west.up(back)
    if caller:  # the other end has the new one only
        await west.start(new)
        await east.start(psk, new)
    else:
        await west.start(psk, new)
        await east.start(new)
    assert [one.key for one in (await east.state(there)).children] == [child.key]
    east.ping("10.1.0.1", "10.2.0.1")
    with east.entered() as pluto:
        await pluto.unload(there.name)
        await pluto.load(there)
    await west.until(back, lambda state: not state.children)
    await east.call(there)
    await east.failed(there, "AUTHENTICATION_FAILED")
    await west.state(back)
    await east.call(there)
    await east.up(there)


async def test_a_kernel_without_esp_is_told_with_the_remedy(underlay, terms):
    east = underlay.gateway(1)
    with pytest.raises(CableError, match=r"no ESP.*daemon: strongswan"):
        await east.start(plane=Plane.USERSPACE)
    assert east.daemons() == []


async def test_a_port_that_is_taken_is_told_before_anything_starts(underlay):
    east = underlay.gateway(1)
    with (
        underlay.netns.entered(east.namespace),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        other.bind(("0.0.0.0", 4500))
        with pytest.raises(CableError, match="UDP port 4500 is taken"):
            await east.start()
    assert east.daemons() == []


async def test_a_pluto_that_is_not_installed_is_told_with_the_package(underlay):
    east = underlay.gateway(1)
    east.another(prefix=())
    if ipsec.PLUTO.exists():
        pytest.skip("pluto is installed on this machine")
    with pytest.raises(CableError, match="apt-get install libreswan"):
        await east.start()


async def test_what_pluto_cannot_offer_is_told_before_it_starts(underlay):
    east = underlay.gateway(1)
    with pytest.raises(CableError, match="'x448' is nothing that Libreswan has"):
        await east.start(ike=("aes256gcm16-prfsha512-x448",))
