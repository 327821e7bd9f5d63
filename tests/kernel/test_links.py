from __future__ import annotations

import dataclasses
import errno
from ipaddress import IPv4Address

import pytest

from submariner_core.kernel import KernelError, Link, LinkMismatch, Vxlan, VxlanSettings, Xfrm

pytestmark = pytest.mark.netns

OVERLAY = Vxlan(
    name="vx-test",
    settings=VxlanSettings(vni=100, port=4800, local=IPv4Address("10.0.0.1")),
    mtu=1400,
    mac="02:f0:0a:00:00:01",
)
CABLES = Xfrm(name="xfrm-test", if_id=7, mtu=1400)


async def test_a_vxlan_device_is_made_with_all_its_settings_and_is_up(kernel):
    assert await kernel.links.ensure_vxlan(OVERLAY)

    found = await kernel.links.get("vx-test")
    assert found == Link(
        name="vx-test",
        index=found.index,
        kind="vxlan",
        up=True,
        mtu=1400,
        mac="02:f0:0a:00:00:01",
        vxlan=OVERLAY.settings,
    )


async def test_an_equal_vxlan_device_is_adopted_without_a_write(kernel, shell, writes):
    shell(
        "ip link add vx-test address 02:f0:0a:00:00:01 mtu 1400 type vxlan"
        " id 100 dstport 4800 local 10.0.0.1 nolearning; ip link set vx-test up"
    )
    index = (await kernel.links.get("vx-test")).index

    assert not await kernel.links.ensure_vxlan(OVERLAY)
    assert writes == []
    assert (await kernel.links.get("vx-test")).index == index


async def test_mtu_mac_and_down_are_put_right_in_place(kernel, shell):
    await kernel.links.ensure_vxlan(OVERLAY)
    index = (await kernel.links.get("vx-test")).index
    shell("ip link set vx-test down mtu 1300 address 02:00:00:00:00:99")

    assert await kernel.links.ensure_vxlan(OVERLAY)

    found = await kernel.links.get("vx-test")
    assert (found.index, found.up, found.mtu, found.mac) == (index, True, 1400, OVERLAY.mac)


@pytest.mark.parametrize(
    "settings",
    [
        VxlanSettings(vni=101, port=4800, local=IPv4Address("10.0.0.1")),
        VxlanSettings(vni=100, port=4789, local=IPv4Address("10.0.0.1")),
        VxlanSettings(vni=100, port=4800, local=IPv4Address("10.0.0.2")),
        VxlanSettings(vni=100, port=4800, local=IPv4Address("10.0.0.1"), learning=True),
    ],
)
async def test_other_fixed_settings_are_a_mismatch_and_stay(kernel, settings):
    await kernel.links.ensure_vxlan(OVERLAY)
    wanted = dataclasses.replace(OVERLAY, settings=settings, mtu=1200)

    with pytest.raises(LinkMismatch, match="delete it once its traffic has moved") as caught:
        await kernel.links.ensure_vxlan(wanted)

    assert caught.value.wanted == wanted
    assert caught.value.found == await kernel.links.get("vx-test")
    assert caught.value.found.mtu == OVERLAY.mtu


async def test_a_device_of_another_kind_is_a_mismatch(kernel, lan):
    with pytest.raises(LinkMismatch, match="bridge"):
        await kernel.links.ensure_vxlan(dataclasses.replace(OVERLAY, name=lan))


async def test_two_devices_of_one_vni_and_port_are_refused_in_the_kernels_words(kernel):
    await kernel.links.ensure_vxlan(OVERLAY)

    with pytest.raises(KernelError, match="create vxlan device vx-other") as caught:
        await kernel.links.ensure_vxlan(dataclasses.replace(OVERLAY, name="vx-other"))

    assert caught.value.errno == errno.EEXIST
    assert await kernel.links.get("vx-other") is None


@pytest.mark.kernel
async def test_an_xfrm_interface_is_made_with_its_if_id_and_is_up(kernel, shell):
    assert await kernel.links.ensure_xfrm(CABLES)

    found = await kernel.links.get("xfrm-test")
    assert (found.kind, found.if_id, found.mtu, found.up) == ("xfrm", 7, 1400, True)
    assert "xfrm if_id 0x7" in shell("ip -details link show dev xfrm-test")


@pytest.mark.kernel
async def test_an_equal_xfrm_interface_is_adopted_without_a_write(kernel, shell, writes):
    shell("ip link add xfrm-test mtu 1400 type xfrm if_id 7; ip link set xfrm-test up")
    index = (await kernel.links.get("xfrm-test")).index

    assert not await kernel.links.ensure_xfrm(CABLES)
    assert writes == []
    assert (await kernel.links.get("xfrm-test")).index == index


@pytest.mark.kernel
async def test_mtu_and_down_of_an_xfrm_interface_are_put_right_in_place(kernel, shell):
    await kernel.links.ensure_xfrm(CABLES)
    index = (await kernel.links.get("xfrm-test")).index
    shell("ip link set xfrm-test down mtu 1300")

    assert await kernel.links.ensure_xfrm(CABLES)

    found = await kernel.links.get("xfrm-test")
    assert (found.index, found.up, found.mtu) == (index, True, 1400)


@pytest.mark.kernel
async def test_another_if_id_is_a_mismatch_and_stays(kernel):
    await kernel.links.ensure_xfrm(CABLES)

    with pytest.raises(LinkMismatch, match="it has if_id 7, wanted if_id 8; delete it once"):
        await kernel.links.ensure_xfrm(dataclasses.replace(CABLES, if_id=8, mtu=1300))

    found = await kernel.links.get("xfrm-test")
    assert (found.if_id, found.mtu) == (7, 1400)


@pytest.mark.kernel
async def test_two_xfrm_interfaces_of_one_if_id_are_refused(kernel):
    await kernel.links.ensure_xfrm(CABLES)

    with pytest.raises(KernelError, match="create xfrm device xfrm-other") as caught:
        await kernel.links.ensure_xfrm(dataclasses.replace(CABLES, name="xfrm-other"))

    assert caught.value.errno == errno.EEXIST
    assert await kernel.links.get("xfrm-other") is None


async def test_an_xfrm_interface_in_place_of_another_kind_is_a_mismatch(kernel, lan):
    with pytest.raises(LinkMismatch, match="it has kind 'bridge', wanted if_id 7"):
        await kernel.links.ensure_xfrm(dataclasses.replace(CABLES, name=lan))


async def test_a_kernel_without_xfrm_interfaces_says_that_it_lacks_them(kernel):
    refusal = None
    try:
        await kernel.links.ensure_xfrm(CABLES)
    except KernelError as error:
        refusal = error

    there = await kernel.links.get("xfrm-test")
    assert (there is None) == (refusal is not None)
    assert refusal is None or refusal.errno == errno.EOPNOTSUPP
    assert refusal is None or "this kernel lacks the feature" in str(refusal)


async def test_links_are_listed_with_their_kinds(kernel, lan):
    kinds = {link.name: link.kind for link in await kernel.links.list()}

    assert kinds == {"lo": "", "lan0": "bridge"}


async def test_an_alias_is_read(kernel, lan, shell):
    shell("ip link set lan0 alias 'pods of east'")

    assert (await kernel.links.get(lan)).alias == "pods of east"


async def test_set_changes_only_what_differs(kernel, lan, writes):
    assert not await kernel.links.set(lan, up=True, mtu=1500)
    assert writes == []

    assert await kernel.links.set(lan, mtu=1400)
    assert await kernel.links.set(lan, up=False)

    found = await kernel.links.get(lan)
    assert (found.up, found.mtu) == (False, 1400)


async def test_setting_an_absent_device_names_it(kernel):
    with pytest.raises(KernelError, match="no device nope") as caught:
        await kernel.links.set("nope", up=True)

    assert caught.value.errno == errno.ENODEV


async def test_deleting_tells_whether_there_was_anything(kernel):
    await kernel.links.ensure_vxlan(OVERLAY)

    assert await kernel.links.delete("vx-test")
    assert not await kernel.links.delete("vx-test")
    assert await kernel.links.get("vx-test") is None
