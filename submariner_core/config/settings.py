"""The settings of a gateway or a route agent, as one frozen model.

Units are in the names of nothing: every duration is in seconds. Where a value comes from a file,
``config.document`` puts ``file:line:column`` before each error.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Network = IPv4Network | IPv6Network
ClusterID = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Name = Annotated[str, StringConstraints(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PluginNames(_Model):
    """Which plugin plays which part; only these are imported."""

    cable: tuple[Name, ...] = Field(min_length=1)
    election: Name
    datastore: Name
    broker: Name | None = None
    route: Name | None = None
    extension: tuple[Name, ...] = ()


class Lease(_Model):
    """Leader election timings; the holder's own duration is written into the lease."""

    duration: float = Field(default=3.0, gt=0)
    renew_deadline: float = Field(default=2.0, gt=0)
    retry_period: float = Field(default=0.5, gt=0)


class Failover(_Model):
    """How traffic moves. ``warm`` is how many gateways of a cluster hold cables (1 or 2)."""

    evidence: bool = True
    warm: int = Field(default=2, ge=1, le=2)


class HealthCheck(_Model):
    """Probes through the cables."""

    enabled: bool = True
    interval: float = Field(default=0.1, gt=0)
    standby_interval: float = Field(default=1.0, gt=0)
    misses: int = Field(default=3, ge=1)


class Metrics(_Model):
    """The HTTP endpoint of /metrics, /healthz and /readyz; port 0 turns it off."""

    address: str = "0.0.0.0"
    gateway_port: int = Field(default=32780, ge=0, le=65535)
    route_agent_port: int = Field(default=32782, ge=0, le=65535)


class Log(_Model):
    """Logging to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(_Model):
    """Everything a gateway or route agent is told.

    ``options`` is keyed by role for election, datastore, broker and route, by name for cables and
    extensions; each plugin's own model judges its part.
    """

    cluster_id: ClusterID
    cluster_cidr: tuple[Network, ...] = ()
    service_cidr: tuple[Network, ...] = ()
    global_cidr: tuple[Network, ...] = ()
    plugins: PluginNames
    options: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    node_name: Name = Field(
        default_factory=lambda: os.environ.get("NODE_NAME") or socket.gethostname()
    )
    private_ip: IPv4Address | None = None
    public_ip: str = ""
    nat_enabled: bool = False
    state_dir: Path = Path("/var/lib/submariner")

    lease: Lease = Lease()
    failover: Failover = Failover()
    health_check: HealthCheck = HealthCheck()
    metrics: Metrics = Metrics()
    log: Log = Log()
