"""The process dies after every single change in turn; the next one reaches the same state."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from submariner_vxlan import device
from submariner_vxlan.roster import Roster

from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus
from submariner_core.kernel import nft
from submariner_core.kernel.netlink import Netlink
from submariner_core.testing import Crash

MOVED = IPv4Address("172.31.0.22")


class Fuse:
    """Counts changes to the kernel, the packet filter and the roster, and blows at one."""

    def __init__(self, monkeypatch):
        self.left = None
        self.count = 0
        for owner, name in ((Netlink, "change"), (nft, "replace_table")):
            monkeypatch.setattr(owner, name, self._after(getattr(owner, name)))
        save, ensure = Roster.save, device.sysctl.ensure
        monkeypatch.setattr(Roster, "save", self._after_plain(save))
        monkeypatch.setattr(device.sysctl, "ensure", self._after_plain(ensure))

    def _after(self, change):
        async def changed(*arguments, **keywords):
            result = await change(*arguments, **keywords)
            self._burn()
            return result

        return changed

    def _after_plain(self, change):
        def changed(*arguments, **keywords):
            result = change(*arguments, **keywords)
            self._burn()
            return result

        return changed

    def _burn(self):
        self.count += 1
        if self.left is not None and self.count > self.left:
            self.left = None
            raise Crash


@pytest.fixture
def fuse(monkeypatch):
    return Fuse(monkeypatch)


async def live(gateway, west, north, south):
    """A gateway's day: cables come, one moves, one turns out to be ours, one goes."""
    await gateway.open()
    await gateway.connect(west)
    await gateway.connect(north, ours=False)
    await gateway.connect(south, ours=False)
    await gateway.connect(west, address=MOVED)
    await gateway.connect(north, ours=True)
    await gateway.disconnect(south)


async def converge(gateway, west, north):
    """What the core does after a restart: make what is wanted, remove what has another name."""
    await gateway.open()
    await gateway.connect(west, address=MOVED)
    await gateway.connect(north)
    wanted = {west.cable_name, north.cable_name}
    for state in await gateway.observe():
        if state.name is not None and state.name not in wanted:
            with gateway.netns.entered(gateway.namespace):
                await gateway.driver.disconnect(state.name)


@pytest.mark.netns
async def test_whatever_change_was_the_last_the_next_process_converges(underlay, endpoint, fuse):
    peers = [
        endpoint(name, f"172.31.0.{n}") for n, name in enumerate(("west", "north", "south"), 2)
    ]
    west, north, _ = peers
    gateway = underlay.gateway("east", "172.31.0.1")
    await live(gateway, *peers)
    expected, changes = await seen(gateway), fuse.count
    await gateway.cleanup()
    assert changes > 20
    for last in range(changes):
        await gateway.restart()
        fuse.count, fuse.left = 0, last
        with pytest.raises(Crash):
            await live(gateway, *peers)
        await gateway.restart()
        await converge(gateway, west, north)
        assert await seen(gateway) == expected, f"the process died after change {last + 1}"
        await gateway.cleanup()


async def seen(gateway):
    """All that the node holds."""
    states = {(state.name, state.status, state.key) for state in await gateway.observe()}
    assert {status for _, status, _ in states} == {ConnectionStatus.CONNECTED}
    counters = gateway.run("nft list counters table inet submariner-vxlan")
    return states, gateway.fdb(), sorted(gateway.neighbours().splitlines()), counters


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    roster = Roster(tmp_path / "file" / "vxlan")
    with pytest.raises(CableError, match=r"state_dir that it can read and write"):
        roster.save([])
    with pytest.raises(CableError, match=str(tmp_path)):
        roster.load()
