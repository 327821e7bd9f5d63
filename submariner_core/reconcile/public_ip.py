"""The ``public_ip`` setting: ways to learn the address that others see, tried in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

METHODS = ("ipv4", "api", "dns")
_QUAD = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


@dataclass(frozen=True, slots=True)
class Source:
    """One way to learn the address: ``ipv4`` states it, ``api`` asks a page, ``dns`` a name."""

    method: str
    value: str

    def __str__(self) -> str:
        return f"{self.method}:{self.value}"


def sources(text: str) -> tuple[Source, ...]:
    """The entries of the setting, in order. Raises ``ValueError`` that names the wrong one."""
    return tuple(_source(part.strip()) for part in text.split(",") if part.strip())


def _source(entry: str) -> Source:
    method, _, value = (part.strip() for part in entry.partition(":"))
    if not value:
        raise ValueError(f"{entry!r} must be method:value, such as ipv4:192.0.2.1")
    if method == "lb":
        raise ValueError(
            f"{entry!r} asks Kubernetes for a Service's address, which this release does not do; "
            "give ipv4:ADDRESS, dns:NAME or api:HOST/PATH"
        )
    if method not in METHODS:
        raise ValueError(f"{entry!r}: the method is none of {', '.join(METHODS)}")
    if method == "ipv4":
        IPv4Address(value)
    elif re.search(r"[\s/:]" if method == "dns" else r"\s|://", value):
        form = "a host's name" if method == "dns" else "a host and path, without https://"
        raise ValueError(f"{entry!r}: {value!r} must be {form}")
    return Source(method, value)


def first_address(text: str) -> IPv4Address | None:
    """The first usable IPv4 address that a text holds, whatever is around it."""
    for quad in _QUAD.findall(text):
        try:
            address = IPv4Address(quad)
        except AddressValueError:
            continue
        if usable(address):
            return address
    return None


def lowest(addresses: Iterable[IPv4Address]) -> IPv4Address | None:
    """Of several answers the lowest: everybody chooses the same."""
    return min(filter(usable, addresses), default=None)


def usable(address: IPv4Address) -> bool:
    """Whether a peer could send there at all."""
    return not (
        address.is_loopback
        or address.is_multicast
        or address.is_unspecified
        or address.is_link_local
        or address.is_reserved
    )
