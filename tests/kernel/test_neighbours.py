from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from submariner_core.kernel import Neighbour

pytestmark = pytest.mark.netns


def neighbour(last: int, mac: int | None = None) -> Neighbour:
    octet = last if mac is None else mac
    return Neighbour("lan0", IPv4Address(f"10.0.0.{last}"), f"02:f0:0a:00:00:{octet:02x}")


async def test_an_entry_is_made_once_and_is_permanent(kernel, lan, shell, writes):
    assert await kernel.neighbours.ensure(neighbour(2))
    assert not await kernel.neighbours.ensure(neighbour(2))

    assert writes == ["replace neighbour 10.0.0.2 on lan0"]
    assert "10.0.0.2 lladdr 02:f0:0a:00:00:02 PERMANENT" in shell("ip neigh show dev lan0")


async def test_a_changed_mac_replaces_the_entry(kernel, lan):
    await kernel.neighbours.ensure(neighbour(2))

    assert await kernel.neighbours.ensure(neighbour(2, mac=9))

    assert await kernel.neighbours.list(lan) == (neighbour(2, mac=9),)


async def test_reconcile_adds_changes_and_removes_what_differs_only(kernel, lan, writes):
    for last in (2, 3, 4):
        await kernel.neighbours.ensure(neighbour(last))
    writes.clear()
    wanted = (neighbour(2), neighbour(3, mac=9), neighbour(5))

    assert await kernel.neighbours.reconcile(lan, wanted) == 3
    assert len(writes) == 3
    assert set(await kernel.neighbours.list(lan)) == set(wanted)

    assert await kernel.neighbours.reconcile(lan, wanted) == 0
    assert len(writes) == 3


async def test_entries_that_the_kernel_resolved_are_learned_and_not_ours(kernel, lan, shell):
    shell("ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev lan0 nud reachable")
    resolved = Neighbour(lan, IPv4Address("10.0.0.7"), "02:00:00:00:00:07")

    assert await kernel.neighbours.list(lan) == ()
    assert await kernel.neighbours.learned(lan) == (resolved,)
    assert await kernel.neighbours.reconcile(lan, ()) == 0


async def test_deleting_tells_whether_there_was_anything(kernel, lan):
    await kernel.neighbours.ensure(neighbour(2))

    assert not await kernel.neighbours.delete(neighbour(2, mac=9))
    assert await kernel.neighbours.delete(neighbour(2))
    assert not await kernel.neighbours.delete(neighbour(2))


async def test_an_absent_device_has_no_neighbours(kernel):
    assert await kernel.neighbours.list("nope") == ()
