"""charon: rekeying, replacing, adopting, its absence, somebody else's; a death at any request."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from submariner_libreswan.credentials import Credentials
from submariner_libreswan.daemon import Terms
from submariner_libreswan.plane import Plane
from submariner_libreswan.strongswan import session as sessions

from submariner_core.api.errors import CableError
from tests.plugins import ipsec
from tests.plugins.libreswan.site import until

pytestmark = [pytest.mark.netns]

BIND = """
import socket, time
taken = socket.socket(type=socket.SOCK_DGRAM)
taken.bind(("", 4500))
print("bound", flush=True)
time.sleep(60)
"""


async def test_rekeying_loses_no_packet_and_counters_grow_on(charons):
    east, west = await charons.pair()
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        name = west.endpoint.cable_name
        stream = east.stream(west.pods[0])
        octets = [0]
        [(_, number)], [(_, child)] = east.sas()
        for _ in range(3):
            with east.vici() as session:
                session.rekey({"child": f"{name}-0-0"})
            child = await _other(east, 1, child)
            octets.append((await east.state(west.endpoint)).rx_bytes)
            with east.vici() as session:
                session.rekey({"ike": name})
            number = await _other(east, 0, number)
            octets.append((await east.state(west.endpoint)).rx_bytes)
        lost, sent = await east.lost(stream)
        state = await east.state(west.endpoint)
    assert state.rx_bytes >= (sent - lost) * 84
    assert octets == sorted(octets)
    if charons.exact:
        assert lost == 0


async def _other(gateway, kind, before):
    """Wait until another SA, and that alone, stands in place of one."""
    async with asyncio.timeout(20):
        while True:
            numbers = [number for _, number in gateway.sas()[kind]]
            if len(numbers) == 1 and numbers != [before]:
                return numbers[0]
            await asyncio.sleep(0.05)


async def test_another_port_replaces_charon_and_brings_all_tunnels_back(charons):
    east, west = await charons.pair()
    async with west.kept():
        async with east.kept():
            await east.connected(west.endpoint)
        [before] = east.daemons()
        await east.restart(port=4777)
        assert (await east.open())["udp-port"] == "4777"
        [after] = east.daemons()
        assert before != after
        await west.connect(east.endpoint)
        await east.connect(west.endpoint)
        async with east.kept():
            await east.connected(west.endpoint)
            await west.connected(east.endpoint)
            east.ping(west.pods[0], 2)
            await east.settled(1, 1)
            await west.settled(1, 1)


async def test_other_proposals_keep_what_stands_and_hold_for_what_is_made_anew(charons):
    east, west = await charons.pair()
    other = {"esp_proposals": ("aes128gcm16-ecp256",), "ike_proposals": ("aes128-sha256-ecp256",)}
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
    before = east.sas()
    for one, peer in ((east, west), (west, east)):
        await one.restart(**other)
        await one.open()
        await one.connect(peer.endpoint)
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        assert east.sas() == before
        with east.vici() as session:
            list(session.terminate({"ike": west.endpoint.cable_name}))
        await east.settled(1, 1)
        await east.connected(west.endpoint)
        [(_, sa)] = east.list_sas()
        assert sa["encr-alg"] == b"AES_CBC"
        [child] = sa["child-sas"].values()
        assert child["encr-keysize"] == b"128"


async def test_a_charon_that_is_not_installed_is_named_with_what_to_do(charons, monkeypatch):
    east = charons.gateway("east", "172.31.0.1")
    monkeypatch.setattr("submariner_libreswan.process.find", lambda *_: None)
    east.daemon._own._program = ()
    with pytest.raises(CableError, match="apt-get install charon-systemd"):
        await east.open()


async def test_a_port_that_somebody_has_is_named(charons):
    east = charons.gateway("east", "172.31.0.1")
    other = charons.netns.start(
        east.namespace,
        [
            "python3",
            "-c",
            BIND,
        ],
    )
    assert other.stdout.readline()
    with pytest.raises(CableError, match=r"UDP port 4500 is taken.*manage_daemon: false"):
        await east.open()
    other.kill()
    other.wait()
    await east.open()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (("sh", "-c", "echo 'cannot do that today'; exit 3"), "cannot do that today"),
        (("true",), "said nothing"),
        (("/no/such/program",), "not found"),
    ],
)
async def test_a_charon_that_does_not_start_is_quoted(charons, program, words):
    east = charons.gateway("east", "172.31.0.1")
    east.daemon._own._program = program
    with pytest.raises(CableError, match=rf"charon did not start: .*{words}"):
        await east.open()
    with pytest.raises(CableError, match=rf"charon did not start: .*{words}"):
        await east.open()


async def test_a_charon_that_is_still_starting_gets_no_second_one_beside_it(charons):
    east = charons.gateway("east", "172.31.0.1")
    slow = ("sh", "-c", 'sleep 1; exec "$0" "$@"', *ipsec.PREFIX, "charon-systemd")
    east.daemon._own._program = slow
    begun = east.room.begin(east.daemon.start(Terms(4500, Plane.USERSPACE, Credentials())))
    await until((east.state_dir / "charon" / "strongswan.conf").exists)
    await until(lambda: b"charon" in _commands(east))
    begun.cancel()  # the process dies here
    await east.restart()
    await east.open()
    assert len(east.daemons()) == 1


def _commands(gateway):
    """What runs on a node."""
    pids = gateway.netns._command("ip", "netns", "pids", gateway.namespace).split()
    return b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)


async def test_a_state_dir_that_is_too_long_for_a_socket_is_named(charons, tmp_path):
    east = charons.gateway("east", "172.31.0.1")
    east.state_dir = tmp_path / ("long" * 25)
    await east.restart()
    with pytest.raises(CableError, match=r"too long for a socket's path.*state_dir"):
        await east.open()


@pytest.mark.parametrize("name", ["with space", "{braces} #hash", "ünïcode = 'x'"])
async def test_a_folder_with_odd_characters_in_its_name_works(charons, name):
    east = charons.gateway("east", "172.31.0.1")
    east.state_dir = charons.folder / name
    await east.restart()
    await east.open()
    assert len(east.daemons()) == 1
    assert (east.state_dir / "charon" / "charon.log").exists()


async def test_a_folder_that_cannot_stand_in_charons_settings_is_named(charons):
    east = charons.gateway("east", "172.31.0.1")
    east.state_dir = charons.folder / 'quo"ted'
    await east.restart()
    with pytest.raises(CableError, match=r"""'.*quo"ted.*': .*set state_dir to another"""):
        await east.open()


async def test_proposals_that_charon_does_not_know_are_named(charons):
    east, west = (
        charons.gateway("east", "172.31.0.1", esp_proposals=("rot13-ecp384",)),
        charons.gateway("west", "172.31.0.2"),
    )
    await east.open()
    await west.open()
    with pytest.raises(CableError, match=r"rot13-ecp384.*correct ike_proposals or esp_prop") as c:
        await east.connect(west.endpoint)
    assert west.endpoint.cable_name in str(c.value)


async def test_the_hosts_charon_keeps_what_is_not_ours(charons):
    west = charons.gateway("west", "172.31.0.2")
    await west.open()
    host = west.state_dir / "charon" / "charon.vici"
    east = charons.gateway("east", "172.31.0.1")
    await east.open()
    for end, other in ((east, west), (west, east)):
        theirs = {
            "version": "2",
            "local_addrs": [str(end.endpoint.private_ip)],
            "remote_addrs": [str(other.endpoint.private_ip)],
            "local_port": "4500",
            "remote_port": "4500",
            "local": {"auth": "psk", "id": f"{end.endpoint.cluster_id}.example"},
            "remote": {"auth": "psk", "id": f"{other.endpoint.cluster_id}.example"},
            "children": {
                "theirs": {
                    "local_ts": [f"192.0.2.{1 if end is east else 2}/32"],
                    "remote_ts": [f"192.0.2.{2 if end is east else 1}/32"],
                }
            },
        }
        end.run(f"ip addr add 192.0.2.{1 if end is east else 2}/32 dev lo")
        owners = ["east.example", "west.example"]
        with end.vici() as session:
            session.load_shared({"id": "theirs", "type": "IKE", "data": "abc", "owners": owners})
            session.load_conn({"somebody": theirs})
    with east.vici() as session:
        list(session.initiate({"ike": "somebody", "child": "theirs", "timeout": "5000"}))
    pids = west.daemons()
    await west.restart(manage_daemon=False, vici_socket=host)
    await west.open()
    await west.connect(east.endpoint)
    await east.connect(west.endpoint)
    async with east.kept(), west.kept():
        await west.connected(east.endpoint)
        await east.connected(west.endpoint)
        east.ping(west.pods[0])
    before = [one for one in west.list_sas() if one[0] == "somebody"]
    assert len(before) == 1
    await west.cleanup()
    assert west.daemons() == pids
    [(name, sa)] = west.list_sas()
    assert (name, sa["state"]) == ("somebody", b"ESTABLISHED")
    assert [child["state"] for child in sa["child-sas"].values()] == [b"INSTALLED"]
    with west.vici() as session:
        assert session.get_conns()["conns"] == [b"somebody"]
        assert session.get_shared()["keys"] == [b"theirs"]


async def test_a_host_without_charon_is_told_how_to_get_one(charons, monkeypatch, tmp_path):
    monkeypatch.setattr("submariner_libreswan.strongswan.charon.START_TIMEOUT", 0.2)
    socket = tmp_path / "none.vici"
    east = charons.gateway("east", "172.31.0.1", manage_daemon=False, vici_socket=socket)
    with pytest.raises(CableError, match=r"no charon listens at .*none.vici.*manage_daemon: true"):
        await east.open()


@pytest.mark.timeout(150)
async def test_a_process_that_dies_at_any_request_leaves_what_the_next_one_can_use(
    charons, monkeypatch
):
    east, west = await charons.pair()
    async with west.kept(), east.kept():
        await east.connected(west.endpoint)
    real = sessions.Session._run
    left = 10**6

    async def run(self, call, command):
        nonlocal left
        if asyncio.get_running_loop() is not east.room.loop:
            return await real(self, call, command)
        left -= 1
        if left < 0:
            raise asyncio.CancelledError
        return await real(self, call, command)

    monkeypatch.setattr(sessions.Session, "_run", run)
    async with west.kept():
        for limit in range(14):
            await east.cleanup()
            await east.restart()
            left = limit
            died = False
            try:
                await east.open()
                await east.connect(west.endpoint)
            except asyncio.CancelledError:
                died = True
            left = 10**6
            await east.restart()
            await east.open()
            await east.connect(west.endpoint)
            async with east.kept():
                await east.connected(west.endpoint)
                east.ping(west.pods[0])
                await east.settled(1, 1)
                await west.settled(1, 1)
            assert len(east.daemons()) == 1
            if not died:
                break
    assert limit > 4


async def test_a_peer_that_boots_anew_is_connected_again(charons):
    east, west = await charons.pair()
    async with east.kept():
        async with west.kept():
            await east.connected(west.endpoint)
        await west.close()
        for pid in west.daemons():
            os.kill(pid, signal.SIGKILL)
        west.run("ip link set lo down")
        west.run("ip link set lo up")
        await west.restart()
        await west.open()
        await west.connect(east.endpoint)
        async with west.kept():
            await west.connected(east.endpoint)
            await east.connected(west.endpoint)
            await east.settled(1, 1)
            await west.settled(1, 1)
            east.ping(west.pods[0], 2)


@pytest.mark.timeout(150)
async def test_a_dead_peer_is_noticed_and_found_again_by_both_ends(charons):
    east, west = await charons.pair(dpd_delay=1)
    name = west.endpoint.cable_name
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        west.run("nft add table inet cut")
        west.run("nft add chain inet cut in { type filter hook input priority -300 ; }")
        west.run("nft add rule inet cut in udp dport 4500 drop")
        west.run("nft add rule inet cut in meta l4proto esp drop")
        await east.failed(west.endpoint, "no answer after 4 tries")
        west.run("nft delete table inet cut")
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        await east.settled(1, 1)
        await west.settled(1, 1)
        east.ping(west.pods[0], 2)
        assert name
