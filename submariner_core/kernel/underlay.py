"""The device below the cables: the one that has the node's private address."""

from __future__ import annotations

from submariner_core.api.errors import CableError
from submariner_core.api.naming import IPAddress
from submariner_core.kernel.kernel import Kernel


async def underlay_mtu(kernel: Kernel, private_ip: IPAddress, driver: str) -> int:
    """The MTU in bytes of the device with the private address.

    Raises :class:`CableError` in the name of ``driver`` where none has it.
    """
    for address in await kernel.addresses.list():
        if address.interface.ip == private_ip:
            link = await kernel.links.get(address.device)
            if link is not None:
                return link.mtu
    raise CableError(
        f"{driver}: private_ip {private_ip} is on no device of this node: "
        "set private_ip to the node's own address on the underlay"
    )
