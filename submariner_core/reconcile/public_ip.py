"""The ``public_ip`` setting: ways to learn the address that others see, tried in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, ip_address
from typing import NamedTuple

LOAD_BALANCER = "lb"
METHODS = ("ipv4", "api", "dns", LOAD_BALANCER)
_QUAD = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


class _Form(NamedTuple):
    pattern: re.Pattern[str]
    words: str


_FORMS = {
    "dns": _Form(re.compile(r"[^\s/:]+"), "a host's name"),
    "api": _Form(re.compile(r"(?!.*://)\S+"), "a host and path, without https://"),
    LOAD_BALANCER: _Form(
        re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
        "the name of a Service, without its namespace",
    ),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One way to learn the address.

    ``ipv4`` states it, ``api`` asks a page, ``dns`` a name, and ``lb`` the cluster for the load
    balancer of a Service.
    """

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
    if method not in METHODS:
        raise ValueError(f"{entry!r}: the method is none of {', '.join(METHODS)}")
    if method == "ipv4":
        IPv4Address(value)
    elif not (form := _FORMS[method]).pattern.fullmatch(value):
        raise ValueError(f"{entry!r}: {value!r} must be {form.words}")
    return Source(method, value)


def entrance(told: Sequence[str] | None) -> IPv4Address | str:
    """The address by which a load balancer is reached, or the name under which to look for it.

    ``told`` is what a datastore tells of it, ``None`` where there is no such Service. Raises
    ``ValueError`` that says what is awaited.
    """
    if told is None:
        raise ValueError("awaits a Service of this name in the daemons' namespace: make it")
    if not told:
        raise ValueError(
            "awaits an address, which the Service has not been given yet: it is of type "
            "LoadBalancer, in a cluster that provides such"
        )
    for one in told:
        try:
            address = ip_address(one)
        except ValueError:
            if _FORMS["dns"].pattern.fullmatch(one):
                return one
            continue
        if isinstance(address, IPv4Address) and usable(address):
            return address
    raise ValueError(f"no usable IPv4 address and no name among {', '.join(told)}")


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
