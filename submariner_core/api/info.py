"""What a plugin says of itself before anything of it runs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict


class Role(enum.StrEnum):
    """The parts a plugin can play; each is an entry-point group ``submariner.<value>``."""

    CABLE = "cable"
    ELECTION = "election"
    BROKER = "broker"
    ROUTE = "route"
    EXTENSION = "extension"

    @property
    def group(self) -> str:
        """The entry-point group in which plugins of this role are found."""
        return f"submariner.{self.value}"


class Capability(enum.Flag):
    """Promises of a plugin. The core uses what is declared; the conformance kit tests it."""

    NONE = 0
    STANDBY = enum.auto()
    """Cable: several cables to one cluster may accept the same prefixes at once."""
    ENCRYPTED = enum.auto()
    """Cable: what leaves the node through a cable is encrypted and authenticated."""
    NAT = enum.auto()
    """Cable: works when one side or both are behind NAT."""
    IPV6 = enum.auto()
    """Cable: carries IPv6 prefixes and runs over an IPv6 underlay."""
    COUNTERS = enum.auto()
    """Cable: ``observe`` gives true byte counters per cable."""
    EVENTS = enum.auto()
    """Cable: ``watch`` reports changes as they happen."""
    LOAD_BALANCERS = enum.auto()
    """Broker, as datastore: ``read_load_balancer`` knows the cluster's Services."""


class Options(BaseModel):
    """Base of every plugin's options model: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """Identity of one plugin module.

    ``provides`` maps each role to the entry-point names this module answers for; ``options``
    maps such a name to the model of its options (missing: it takes none).
    """

    name: str
    api_version: tuple[int, int]
    provides: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    capabilities: Capability = Capability.NONE
    options: Mapping[str, type[Options]] = field(default_factory=dict)


class CableOptions(Options):
    """Base of a cable driver's options; a driver without a port leaves :meth:`udp_ports` alone."""

    def udp_ports(self, position: int) -> range:
        """UDP ports the driver listens on when it stands at ``position`` of the cable list.

        Position 0 owns upstream's plain keys and default port (design.md section 8).
        """
        return range(0)
