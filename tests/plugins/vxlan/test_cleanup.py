from __future__ import annotations

import pytest

pytestmark = pytest.mark.netns


async def test_cleanup_in_a_fresh_process_removes_every_trace(underlay):
    before = _traces(underlay.gateway("north", "172.31.0.9"))
    east, _ = await underlay.pair()
    await east.restart()
    await east.cleanup()
    assert _traces(east) == before
    assert list(east.state_dir.iterdir()) == []
    await east.cleanup()


async def test_cleanup_leaves_what_is_not_ours(underlay):
    east, _ = await underlay.pair()
    east.run("ip link add flannel.1 type vxlan id 1 dstport 8472 local 172.31.0.1")
    east.run("ip link add vx-submariner type vxlan id 100 dstport 4800")
    east.run("nft add table inet submariner")
    (east.state_dir / "others.txt").write_text("not ours")
    await east.cleanup()
    links = east.run("ip -br link")
    assert "flannel.1" in links
    assert "vx-submariner" in links
    assert "vxlan-tunnel" not in links
    assert east.run("nft list tables").split() == ["table", "inet", "submariner"]
    assert [file.name for file in east.state_dir.iterdir()] == ["others.txt"]


async def test_a_gateway_that_was_cleaned_can_be_opened_again(underlay):
    east, west = await underlay.pair()
    await east.cleanup()
    assert await east.observe() == ()
    await east.open()
    await east.connect(west.endpoint)
    east.ping(west.pod)


async def test_close_leaves_everything_and_may_be_repeated(underlay):
    east, west = await underlay.pair()
    await east.driver.close()
    await east.driver.close()
    east.ping(west.pod)
    assert (await east.state(west.endpoint)).name == west.endpoint.cable_name


def _traces(gateway):
    """Devices by name, and the packet filter."""
    links = [line.split()[0] for line in gateway.run("ip -br link").splitlines()]
    return [name.split("@")[0] for name in links], gateway.run("nft list ruleset")
