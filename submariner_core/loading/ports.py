"""No UDP port twice: the kernel cannot bind it, and a firewall rule must mean one thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from submariner_core.api.errors import ConfigError
from submariner_core.config.document import Document
from submariner_core.loading.parts import Part

RESERVED: Mapping[int, str] = {4490: "NAT discovery", 4800: "the node overlay"}
"""UDP ports of the core's own on every gateway node."""


def refuse_shared_ports(claims: Iterable[tuple[Part, range]], document: Document) -> None:
    """Raise :class:`ConfigError` when two cable drivers, or one and the core, want one port."""
    owners = dict(RESERVED)
    for part, wanted in claims:
        for port in wanted:
            owner = owners.setdefault(port, part.name)
            if owner != part.name:
                option = ("options", part.key, "port")
                raise ConfigError(
                    document.problem(
                        option if option in document.places else part.loc,
                        f"{part.name} would listen on UDP {_span(wanted)}, "
                        f"but {owner} has {port}; choose another port",
                    )
                )


def _span(ports: range) -> str:
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"
