"""The settings of a gateway or a route agent, as one frozen model.

Units are in the names of nothing: every duration is in seconds. Where a value comes from a file,
``config.problems`` puts ``file:line:column`` before each error.
"""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from submariner_core.reconcile.admission import unroutable
from submariner_core.reconcile.public_ip import sources


def _network(value: object) -> object:
    """A CIDR as people write it; says what was meant where host bits are set."""
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a CIDR in a string, such as 10.1.0.0/16")  # noqa: TRY004
    try:
        loose = ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is not a CIDR; write one such as 10.1.0.0/16") from None
    if "/" not in value:
        raise ValueError(f"{value!r} has no prefix length; write one such as {value}/16")
    if ip_interface(value) != ip_interface(str(loose)):
        raise ValueError(f"{value!r} has host bits set; did you mean {loose}?")
    if isinstance(loose, IPv4Network) and (why := unroutable(loose)):
        raise ValueError(f"{value!r}: {why}; give the cluster's own range")
    if loose.prefixlen == 0 or loose.is_loopback or loose.is_link_local or loose.is_multicast:
        raise ValueError(f"{value!r} can never be reached from another cluster")
    return loose


def _underlay_address(value: IPv4Address) -> IPv4Address:
    if why := unroutable(IPv4Network(value)):
        raise ValueError(f"{value}: {why}; give the node's own address on the underlay")
    return value


def _listening_address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address such as 127.0.0.1") from None


def _spelt(pattern: str, words: str) -> AfterValidator:
    """The whole of a string matches ``pattern``, which ``words`` say for people."""

    def judge(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"must be {words}")
        return value

    return AfterValidator(judge)


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
ClusterID = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    _spelt(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "lower-case letters, digits and '-', with a letter or digit at both ends",
    ),
]
Name = Annotated[str, StringConstraints(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
ProbeInterval = Annotated[float, Field(ge=0.01, le=3600)]
UnderlayAddress = Annotated[IPv4Address, AfterValidator(_underlay_address)]
ListeningAddress = Annotated[str, AfterValidator(_listening_address)]
PluginName = Annotated[
    str,
    StringConstraints(min_length=1),
    _spelt(
        r"[A-Za-z0-9][A-Za-z0-9._-]*",
        "letters, digits, '.', '_' and '-', with a letter or digit at the beginning",
    ),
]

ROLE_KEYS = ("election", "datastore", "broker", "route")
"""Keys of ``options`` that mean a role rather than a plugin."""


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class PluginNames(_Model):
    """Which plugin plays which part; only these are imported."""

    cable: tuple[PluginName, ...] = Field(min_length=1)
    election: PluginName
    datastore: PluginName
    broker: PluginName | None = None
    route: PluginName | None = None
    extension: tuple[PluginName, ...] = ()

    @field_validator("cable", "extension")
    @classmethod
    def _names_are_distinct(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        taken = (*ROLE_KEYS, *(info.data.get("cable") or ()))
        for index, name in enumerate(names):
            if name in names[:index]:
                raise ValueError(f"{name!r} is named twice")
            if name in taken:
                raise ValueError(f"{name!r} already means something else in options; rename it")
        return names


class Lease(_Model):
    """Leader election timings; the holder's own duration is written into the lease."""

    duration: Seconds = 3.0
    renew_deadline: Seconds = 2.0
    retry_period: Seconds = 0.5

    @field_validator("renew_deadline")
    @classmethod
    def _stops_before_expiry(cls, value: float, info: ValidationInfo) -> float:
        return _below(value, "duration", info)

    @field_validator("retry_period")
    @classmethod
    def _retries_before_deadline(cls, value: float, info: ValidationInfo) -> float:
        return _below(value, "renew_deadline", info)


def _below(value: float, bound: str, info: ValidationInfo) -> float:
    limit = info.data.get(bound)  # absent when it was itself wrong, which is reported already
    if limit is not None and value >= limit:
        raise ValueError(f"is {value:g} s and must be below {bound}, which is {limit:g} s")
    return value


class Failover(_Model):
    """How traffic moves. ``warm`` is how many gateways of a cluster hold cables (1 or 2)."""

    evidence: bool = True
    warm: int = Field(default=2, ge=1, le=2)


class HealthCheck(_Model):
    """Probes through the cables."""

    enabled: bool = True
    interval: ProbeInterval = 0.1
    standby_interval: ProbeInterval = 1.0
    misses: int = Field(default=3, ge=1)


class NatDiscovery(_Model):
    """How gateways find out how they reach each other; port 0 turns it off."""

    port: int = Field(default=4490, ge=0, le=65535)


class Metrics(_Model):
    """The HTTP endpoint of /metrics, /healthz and /readyz; port 0 turns it off."""

    address: ListeningAddress = "0.0.0.0"
    gateway_port: int = Field(default=32780, ge=0, le=65535)
    route_agent_port: int = Field(default=32782, ge=0, le=65535)

    @field_validator("route_agent_port")
    @classmethod
    def _both_run_on_one_node(cls, value: int, info: ValidationInfo) -> int:
        if value and value == info.data.get("gateway_port"):
            raise ValueError(f"is {value}, as is gateway_port; both run on a gateway node")
        return value


class Log(_Model):
    """Logging to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(_Model):
    """Everything a gateway or route agent is told.

    ``options`` is keyed by role for election, datastore, broker and route, by name for cables and
    extensions; each plugin's own model judges its part. It may hold secrets, so it is never shown.
    """

    cluster_id: ClusterID
    cluster_cidr: tuple[Network, ...] = ()
    service_cidr: tuple[Network, ...] = ()
    global_cidr: tuple[Network, ...] = ()
    plugins: PluginNames
    options: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict, repr=False)

    node_name: Name = Field(default_factory=socket.gethostname)
    private_ip: UnderlayAddress | None = None
    public_ip: str = ""
    node_public_ip: str = ""
    air_gapped: bool = False
    nat_enabled: bool = False
    nat_discovery: NatDiscovery = NatDiscovery()
    state_dir: Path = Path("/var/lib/submariner")

    lease: Lease = Lease()
    failover: Failover = Failover()
    health_check: HealthCheck = HealthCheck()
    metrics: Metrics = Metrics()
    log: Log = Log()

    @field_validator("cluster_cidr", "service_cidr", "global_cidr")
    @classmethod
    def _ranges_are_disjoint(
        cls, value: tuple[Network, ...], info: ValidationInfo
    ) -> tuple[Network, ...]:
        for one, other in itertools.combinations(value, 2):
            _refuse_overlap(one, other, "")
        for field in ("cluster_cidr", "service_cidr", "global_cidr"):
            for one, other in itertools.product(value, info.data.get(field) or ()):
                _refuse_overlap(one, other, f" of {field}")
        return value

    @property
    def own_public_ip(self) -> str:
        """How this node's public address is learnt; without asking anybody if ``air_gapped``."""
        asked = self.node_public_ip or self.public_ip
        first = next(iter(sources(asked)), None)
        if not self.air_gapped:
            return asked
        return str(first) if first is not None and first.method == "ipv4" else ""

    @property
    def ranges(self) -> tuple[Network, ...]:
        """All ranges of this cluster, pods' first."""
        return (*self.cluster_cidr, *self.service_cidr, *self.global_cidr)

    @field_validator("public_ip", "node_public_ip")
    @classmethod
    def _entries_have_a_method(cls, value: str) -> str:
        sources(value)
        return value

    @field_validator("options", mode="before")
    @classmethod
    def _nothing_means_no_options(cls, value: object) -> object:
        """``options:`` or ``vxlan:`` with nothing after it is an empty mapping."""
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return {name: {} if part is None else part for name, part in value.items()}
        return value


def _refuse_overlap(one: Network, other: Network, where: str) -> None:
    if one.version == other.version and one.overlaps(other):
        raise ValueError(f"{one} overlaps {other}{where}; every range must stand alone")
