"""Devices that are in the way, gone, or come back."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import struct

import pytest

from submariner_core.api.errors import CableError

pytestmark = pytest.mark.netns
TUNSETIFF = 0x400454CA
IFF_TUN = 1


def tun(device: str) -> int:
    """Make a TUN device of this process; it is there until the descriptor is closed."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN))
    return descriptor


async def test_a_device_of_another_kind_is_left_alone_and_named(underlay) -> None:
    east = underlay.gateway("east", "172.31.0.1")
    east.run("ip link add submariner type bridge")
    with pytest.raises(CableError, match=r"device submariner: .* kind bridge"):
        await east.open()
    with underlay.netns.entered(east.namespace), pytest.raises(CableError, match="kind bridge"):
        await east.driver.describe()
    await east.cleanup()
    assert "submariner" in east.run("ip link show type bridge")


async def test_a_tunnel_of_another_program_is_left_alone_and_named(underlay) -> None:
    east = underlay.gateway("east", "172.31.0.1")
    east.run("ip tuntap add submariner mode tun")
    with pytest.raises(CableError, match="a tunnel of another program"):
        await east.open()
    await east.cleanup()
    assert "submariner" in east.run("ip tuntap")


async def test_a_taken_port_is_named_and_others_are_not_disturbed(underlay) -> None:
    east, west = await underlay.pair()
    taken = underlay.gateway("north", "172.31.0.3")
    with (
        underlay.netns.entered(taken.namespace),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        other.bind(("0.0.0.0", 4500))
        with pytest.raises(CableError, match=r"UDP port 4500 is taken.*options\.wireguard\.port"):
            await taken.open()
    await taken.open()
    await taken.connect(east.endpoint)
    await east.connect(taken.endpoint)
    east.ping(taken.pods[0])
    east.ping(west.pods[0])


async def test_the_port_of_a_further_slot_may_be_taken_as_well(underlay) -> None:
    east, west = await underlay.pair()
    with (
        underlay.netns.entered(east.namespace),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        other.bind(("0.0.0.0", 4502))
        with pytest.raises(CableError, match="UDP port 4502 is taken"):
            await east.connect(west.endpoint, slot=2)


async def test_another_port_is_taken_up_in_place(underlay) -> None:
    east, west = await underlay.pair()
    before = east.indices()
    await east.restart(port=4600)
    assert (await east.open())["udp-port"] == "4600"
    assert east.indices() == before
    await west.connect(east.endpoint)
    west.ping(east.pods[0])


async def test_cleanup_in_a_new_process_removes_all_and_nothing_else(underlay) -> None:
    east, west = await underlay.pair()
    await east.connect(west.endpoint, slot=3)
    east.run("ip link add submariner-lan type bridge")
    await east.restart()
    await east.cleanup()
    assert [name.split(": ")[1] for name in east.indices()] == ["submariner-lan"]
    assert list(east.state_dir.iterdir()) == []
    await east.deserted()
    await east.cleanup()


async def test_a_device_that_vanished_comes_back_with_all_its_peers(underlay) -> None:
    east, west = await underlay.pair()
    await east.connected(west.endpoint)
    east.run("ip link delete submariner")
    await east.deserted()
    await east.open()
    await east.connect(west.endpoint)
    east.ping(west.pods[0], 2)


async def test_a_daemon_that_dies_is_started_again_and_the_gap_is_told(userspace, capsys) -> None:
    east, west = await userspace.pair()
    await east.connected(west.endpoint)
    with userspace.netns.entered(east.namespace):
        watching = east.driver.watch()
        await anext(watching)
        (pid,) = east.daemons()
        west.run("ip link set underlay down")
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while not east.driver.figures.deaths:
                await anext(watching)
            restarted = east.driver.figures.gap
            west.run("ip link set underlay up")
            await west.disconnect(east.endpoint)
            await west.connect(east.endpoint)
            while east.driver.figures.gap == restarted:
                await anext(watching)
        await watching.aclose()
    assert east.driver.figures.deaths == {"submariner": 1}
    assert 0 < restarted < east.driver.figures.gap < 10  # no packet passes before a handshake
    logged = capsys.readouterr().out
    assert logged.index("daemon-restarted") < logged.index("daemon-handshaken")
    await east.connect(west.endpoint)
    east.ping(west.pods[0], 2)
    assert len(east.daemons()) == 1


async def test_a_daemon_that_cannot_be_started_again_is_tried_until_it_can(userspace) -> None:
    east, west = await userspace.pair()
    await east.connected(west.endpoint)
    _, program = east.driver._devices._every
    working, program._program = program._program, ("false",)
    with userspace.netns.entered(east.namespace):
        watching = east.driver.watch()
        await anext(watching)
        os.kill(east.daemons()[0], signal.SIGKILL)
        async with asyncio.timeout(10):
            while await anext(watching):
                pass
        assert east.driver.figures.deaths == {}
        program._program = working
        async with asyncio.timeout(10):
            while not east.driver.figures.deaths:
                await anext(watching)
        await watching.aclose()
    await east.connect(west.endpoint)
    east.ping(west.pods[0], 2)


async def test_a_device_that_outlives_its_daemon_for_a_moment_is_not_taken_for_a_strangers(
    userspace,
) -> None:
    east = userspace.gateway("east", "172.31.0.1")
    with userspace.netns.entered(east.namespace):
        lingering = tun("submariner")
    asyncio.get_running_loop().call_later(0.3, os.close, lingering)
    await east.open()
    assert len(east.daemons()) == 1


async def test_daemons_have_a_session_of_their_own(userspace) -> None:
    east, _ = await userspace.pair()
    (pid,) = east.daemons()
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgid(0)


async def test_a_daemon_of_somebody_else_is_waited_for_used_and_left_empty(userspace) -> None:
    gateways = [
        userspace.gateway(cluster, address, manage_daemon=False)
        for cluster, address in (("east", "172.31.0.1"), ("west", "172.31.0.2"))
    ]
    east, west = gateways
    for gateway in gateways:
        opening = asyncio.create_task(gateway.open())
        await asyncio.sleep(0)
        gateway.start_daemon()
        await opening
    await userspace.join(east, west)
    east.ping(west.pods[0])
    (pid,) = east.daemons()
    os.kill(pid, signal.SIGKILL)
    await east.deserted()
    east.start_daemon()
    await east.open()
    await east.connect(west.endpoint)
    east.ping(west.pods[0], 2)
    await east.cleanup()
    assert len(east.daemons()) == 1
    (device,) = east.wg("show", "submariner", "dump").splitlines()  # no peer follows it
    assert device.startswith("(none)\t(none)\t")
    assert ":4500" not in east.run("ss -Huln")
    assert "state DOWN" in east.run("ip link show submariner")


async def test_a_daemon_of_somebody_else_that_is_not_there_is_named(
    userspace, monkeypatch
) -> None:
    monkeypatch.setattr("submariner_wireguard.userspace.START_TIMEOUT", 0.2)
    east = userspace.gateway("east", "172.31.0.1", manage_daemon=False)
    with pytest.raises(CableError, match=r"wireguard-go --foreground submariner.*manage_daemon"):
        await east.open()


async def test_a_missing_program_is_named_with_its_package(userspace) -> None:
    east = userspace.gateway("east", "172.31.0.1")
    _, program = east.driver._devices._every
    program._program = ("no-such-wireguard-go",)
    with pytest.raises(CableError, match="apt-get install wireguard-go"):
        await east.open()


async def test_without_privileges_the_capability_is_named(userspace) -> None:
    east = userspace.gateway("east", "172.31.0.1")
    _, program = east.driver._devices._every
    program._program = ("setpriv", "--bounding-set=-net_admin", "wireguard-go")
    with pytest.raises(CableError, match="CAP_NET_ADMIN"):
        await east.open()


async def test_auto_takes_the_kernel_if_it_can(userspace) -> None:
    east = userspace.gateway("east", "172.31.0.1", implementation="auto")
    with contextlib.suppress(AssertionError):
        east.run("ip link add try type wireguard")
    expected = "kernel" if "try" in east.run("ip link") else "userspace"
    await east.open()
    assert east.driver._devices.implementation.name == expected


async def test_a_new_process_says_which_implementation_is_in_use(underlay) -> None:
    east, _ = await underlay.pair()
    await east.restart(implementation="auto")
    with underlay.netns.entered(east.namespace):
        said = await east.driver.describe()
    assert said == f"{underlay.implementation} implementation in use, with 1 peers"
    await east.cleanup()
    await east.deserted()
    with underlay.netns.entered(east.namespace):
        assert await east.driver.describe() == "no device submariner yet; implementation: auto"


@pytest.mark.kernel
async def test_auto_adopts_what_is_there(userspace) -> None:
    east = userspace.gateway("east", "172.31.0.1")
    await east.open()
    await east.restart(implementation="auto")
    await east.open()
    assert east.driver._devices.implementation.name == "userspace"
    await east.restart(implementation="kernel")
    await east.open()
    assert east.driver._devices.implementation.name == "kernel"
    assert "wireguard" in east.run("ip -d link show submariner")
