"""What a user may set."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from submariner_core.api.cable import USING_LOADBALANCER
from submariner_core.api.flags import is_set
from submariner_core.api.info import CableOptions
from submariner_core.api.model import Endpoint
from submariner_libreswan.credentials import Certificate, Psk, psk_from_file
from submariner_libreswan.plane import Plane

FIRST_PORT = 4500
"""Upstream's port for every cable type; it belongs to the first driver of the list."""
OTHER_PORT = 4530
"""Beyond what WireGuard (to 4517) and VXLAN (4520) take by default."""
VICI = Path("/var/run/charon.vici")
"""Where strongSwan's packages have their charon listen."""
IKE = ("aes256gcm16-aes128gcm16-prfsha512-prfsha256-x25519-ecp384-ecp256-modp3072-modp2048",)
ESP = ("aes256gcm16-aes128gcm16-x25519-ecp384-ecp256-modp3072-modp2048",)
"""AES-GCM and perfect forward secrecy, which Libreswan has among its defaults.

What upstream's gateways have a Libreswan 4.10 offer lacks the ESN transform, without which charon
takes no proposal: beside them, pluto is the daemon.
"""

_PROPOSAL = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*")


def _spelt(proposal: str) -> str:
    if not _PROPOSAL.fullmatch(proposal):
        raise ValueError(
            "a proposal is algorithms joined by '-', in strongSwan's words: "
            "aes256gcm16-prfsha384-ecp384"
        )
    return proposal


def _writable(path: Path) -> Path:
    if not path.is_absolute() or set(str(path)) & set('"\\\n\r'):
        raise ValueError("log_file must be an absolute path without quotes, '\\' or line breaks")
    return path


Proposals = Annotated[
    tuple[Annotated[str, AfterValidator(_spelt)], ...], Field(min_length=1, max_length=16)
]


class LibreswanOptions(CableOptions):
    """Options of the ``libreswan`` cable driver.

    ``daemon`` is who speaks IKE; ``auto`` takes strongSwan where it is installed. With
    ``manage_daemon`` false it is the host's, which somebody else starts: charon is spoken to at
    ``vici_socket``, pluto at its usual place. ``psk`` is a text, ``psk_file`` a file of which
    upstream takes the base64 as that text; the file wins. ``certificate``, ``private_key`` and
    ``ca`` (PEM) stand in place of a PSK. Proposals are in strongSwan's words, best first.
    ``dpd_delay`` is in seconds, 0 for no dead peer detection. ``preferred_server`` unset: only
    behind a load balancer. ``data_plane`` says where packets
    are encrypted; ``auto`` takes the best that the kernel has. ``log_file`` is the daemon's.
    """

    port: int | None = Field(default=None, ge=1, le=65535)
    daemon: Literal["auto", "strongswan", "libreswan"] = "auto"
    manage_daemon: bool = True
    vici_socket: Path = VICI
    psk: SecretStr | None = None
    psk_file: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    ca: Path | None = None
    ike_proposals: Proposals = IKE
    esp_proposals: Proposals = ESP
    dpd_delay: float = Field(default=30.0, ge=0, le=3600)
    force_encaps: bool = False
    preferred_server: bool | None = None
    data_plane: Literal["auto", "interfaces", "policies", "userspace"] = "auto"
    debug: bool = False
    log_file: Annotated[Path, AfterValidator(_writable)] | None = None

    @model_validator(mode="after")
    def _proves_itself(self) -> Self:
        files = (self.certificate, self.private_key, self.ca)
        if any(files):
            if not all(files):
                raise ValueError("certificate, private_key and ca go together: set all three")
            if self.psk is not None or self.psk_file is not None:
                raise ValueError("set either a PSK or a certificate, not both")
            return self
        if self.psk_file is None and (self.psk is None or not self.psk.get_secret_value()):
            raise ValueError(
                "no PSK is set: set psk or psk_file to the secret of the cluster set, or "
                "certificate, private_key and ca"
            )
        if self.psk is not None and set(self.psk.get_secret_value()) & set('"\n\r'):
            raise ValueError("psk holds a quote or a line break, which no secrets file can hold")
        return self

    def udp_ports(self, position: int) -> range:
        """The one port of all cables: the configured one or this position's."""
        port = self.port or (FIRST_PORT if position == 0 else OTHER_PORT)
        return range(port, port + 1)

    def port_of(self, own: Endpoint, driver: str) -> int:
        """The port of a gateway: unless one is set, its node's, where ``driver`` is its first."""
        first = own.backend == driver
        advertised = own.backend_config.get("udp-port", "") if first else ""
        if self.port is None and advertised.isascii() and advertised.isdecimal():
            return int(advertised)
        return self.udp_ports(0 if first else 1).start

    def is_server(self, own: Endpoint) -> bool:
        """Whether a gateway is to be called only.

        Unless that is set, one behind a load balancer is, as upstream's operator has it: a load
        balancer lets answers out, and what its gateway begins leaves under another address.
        """
        if self.preferred_server is None:
            return is_set(own.backend_config, USING_LOADBALANCER)
        return self.preferred_server

    def configured_psk(self) -> Psk | None:
        """The PSK of the settings; ``None`` with a certificate. Raises :class:`CableError`."""
        if self.psk_file is not None:
            return psk_from_file(self.psk_file, "options.libreswan.psk_file")
        return None if self.psk is None else Psk(self.psk.get_secret_value())

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the settings name as proofs."""
        named = (self.psk_file, self.certificate, self.private_key, self.ca)
        return tuple(path for path in named if path is not None)

    def configured_certificate(self) -> Certificate | None:
        """The certificate of the settings; ``None`` with a PSK."""
        if self.certificate is None or self.private_key is None or self.ca is None:
            return None
        return Certificate(self.certificate, self.private_key, self.ca)

    def plane(self) -> Plane | None:
        """The data plane of the settings; ``None``: the best there is."""
        return None if self.data_plane == "auto" else Plane(self.data_plane)
