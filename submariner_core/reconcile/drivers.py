"""Which cable driver a pair of clusters uses, and how a gateway advertises several of them.

The first driver of a gateway is its ``backend`` and owns the plain keys of ``backend_config``, so
that an upstream peer sees nothing unusual. The keys of each other driver are prefixed with its
name (``vxlan/udp-port``), among them one that tells its place in the offer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from submariner_core.api.cable import USING_LOADBALANCER
from submariner_core.api.errors import PluginError
from submariner_core.api.model import Endpoint

_PLACE = "order"
_SHARED = ("natt-discovery-port", "public-ip", USING_LOADBALANCER)
"""Plain keys that describe the gateway and not its first driver."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A driver that a gateway offers, with what it advertises under plain keys."""

    name: str
    config: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class NoCommonDriver:
    """Two clusters cannot be connected; ``message`` goes on the connection."""

    message: str


def advertise(offers: Sequence[tuple[str, Mapping[str, str]]]) -> tuple[str, dict[str, str]]:
    """``backend`` and ``backend_config`` for drivers in the order in which they are offered.

    Raises :class:`PluginError` when a name or key would be misread by :func:`offers`, and
    ``ValueError`` without any driver.
    """
    if not offers:
        raise ValueError("a gateway offers at least one cable driver")
    names = [name for name, _ in offers]
    if len(set(names)) < len(names):
        raise PluginError(f"cable drivers {', '.join(names)}: each may be offered once")
    config: dict[str, str] = {}
    for place, (name, keys) in enumerate(offers):
        for key in (name, *keys):
            if "/" in key or not key:
                raise PluginError(f"cable driver {name!r}: {key!r} must not contain a slash")
        if place == 0:
            config.update(keys)
            continue
        if _PLACE in keys:
            raise PluginError(f"cable driver {name!r}: the key {_PLACE!r} is the core's")
        config |= {f"{name}/{key}": value for key, value in keys.items()}
        config[f"{name}/{_PLACE}"] = str(place)
    return names[0], config


def offers(endpoint: Endpoint) -> tuple[Offer, ...]:
    """The drivers that an endpoint offers, best first: the inverse of :func:`advertise`."""
    plain: dict[str, str] = {}
    others: dict[str, dict[str, str]] = {}
    for key, value in endpoint.backend_config.items():
        name, slash, rest = key.partition("/")
        if not slash:
            plain[key] = value
        elif name and rest and name != endpoint.backend:
            others.setdefault(name, {})[rest] = value
    ordered = sorted(others, key=lambda name: (_place(others[name].pop(_PLACE, "")), name))
    return (Offer(endpoint.backend, plain), *(Offer(name, others[name]) for name in ordered))


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 1000


def choose_driver(
    own: Endpoint, remote: Endpoint, kept: Sequence[str] | None = None
) -> str | NoCommonDriver:
    """The driver for the pair: the first of the lower cluster id's list that both offer.

    Both sides come to the same, unless ``kept``, what a policy left over, differs (``None``: no
    policy).
    """
    first, second = sorted((own, remote), key=lambda endpoint: endpoint.cluster_id)
    mine, theirs = _names(first), _names(second)
    common = [name for name in mine if name in theirs]
    if not common:
        return NoCommonDriver(
            f"no common cable driver: cluster {first.cluster_id!r} offers {', '.join(mine)}; "
            f"cluster {second.cluster_id!r} offers {', '.join(theirs)}"
        )
    left = [name for name in common if kept is None or name in kept]
    if not left:
        return NoCommonDriver(
            f"no cable driver left for cluster {remote.cluster_id!r}: "
            f"a policy struck out {', '.join(common)}"
        )
    return left[0]


def common_drivers(own: Endpoint, remote: Endpoint) -> tuple[str, ...]:
    """All that both offer, in the order in which :func:`choose_driver` takes them."""
    first, second = sorted((own, remote), key=lambda endpoint: endpoint.cluster_id)
    theirs = _names(second)
    return tuple(name for name in _names(first) if name in theirs)


def view_for(endpoint: Endpoint, driver: str) -> Endpoint:
    """``endpoint`` as ``driver`` sees it: itself the backend, its own keys plain.

    Raises ``KeyError`` for a driver that the endpoint does not offer.
    """
    offered = offers(endpoint)
    config = {offer.name: offer.config for offer in offered}[driver]
    shared = {key: offered[0].config[key] for key in _SHARED if key in offered[0].config}
    return replace(endpoint, backend=driver, backend_config={**shared, **config})


def _names(endpoint: Endpoint) -> tuple[str, ...]:
    return tuple(offer.name for offer in offers(endpoint))
