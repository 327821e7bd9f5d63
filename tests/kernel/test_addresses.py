from __future__ import annotations

import errno
from ipaddress import IPv4Interface, IPv6Interface

import pytest

from submariner_core.kernel import Address, KernelError

pytestmark = pytest.mark.netns

OVERLAY = IPv4Interface("240.0.0.1/8")


async def test_an_address_is_added_once(kernel, lan, writes):
    address = Address(lan, OVERLAY)

    assert await kernel.addresses.ensure(address)
    assert not await kernel.addresses.ensure(address)

    assert writes == ["add address 240.0.0.1/8 on lan0"]
    assert address in await kernel.addresses.list(lan)


async def test_an_ipv6_address_is_added_once(kernel, lan):
    address = Address(lan, IPv6Interface("fd00::1/64"))

    assert await kernel.addresses.ensure(address)
    assert not await kernel.addresses.ensure(address)


async def test_addresses_of_all_devices_are_listed_by_name(kernel, lan):
    found = await kernel.addresses.list()

    assert Address("lo", IPv4Interface("127.0.0.1/8")) in found
    assert Address(lan, IPv4Interface("10.0.0.1/24")) in found


async def test_addresses_of_one_device_are_listed_alone(kernel, lan):
    devices = {address.device for address in await kernel.addresses.list(lan)}

    assert devices == {lan}


async def test_an_absent_device_has_no_addresses(kernel):
    assert await kernel.addresses.list("nope") == ()


async def test_an_address_on_an_absent_device_is_refused_by_name(kernel):
    with pytest.raises(KernelError, match=r"add address 240\.0\.0\.1/8 on nope.*ENODEV") as caught:
        await kernel.addresses.ensure(Address("nope", OVERLAY))

    assert caught.value.errno == errno.ENODEV


async def test_only_the_very_address_is_deleted(kernel, lan, writes):
    assert not await kernel.addresses.delete(Address(lan, IPv4Interface("10.0.0.1/16")))
    assert writes == []

    assert await kernel.addresses.delete(Address(lan, IPv4Interface("10.0.0.1/24")))
    assert not await kernel.addresses.delete(Address(lan, IPv4Interface("10.0.0.1/24")))
