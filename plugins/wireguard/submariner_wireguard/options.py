"""What a user may set."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from submariner_core.api.info import CableOptions
from submariner_core.api.naming import SLOTS
from submariner_core.kernel.secret_files import read_psk
from submariner_wireguard.secret import Secret, preshared_key

FIRST_PORT = 4500
"""Upstream's port for every cable type; it belongs to the first driver of the list."""
OTHER_PORT = 4510
DEFAULT_PSK = "default psk"
"""What upstream takes where nothing is set, known to everybody."""

_EVERYBODYS = (
    "set psk or psk_file to the secret of the cluster set, or write allow_default_psk: true "
    "where everybody may know it"
)


class WireGuardOptions(CableOptions):
    """Options of the ``wireguard`` cable driver.

    ``port`` is the first of eight UDP ports, one for each slot of a remote cluster's gateways.
    ``psk`` is a text, ``psk_file`` a file of which upstream takes the base64 as that text; the
    file wins. ``keepalive`` is in seconds, 0 for none. ``implementation`` says where WireGuard
    runs: in the kernel, in ``wireguard-go``, or in the kernel if it can. With ``manage_daemon``
    false, somebody else starts one ``wireguard-go`` for each device, and again when it dies.
    """

    port: int | None = Field(default=None, ge=1, le=65535 - SLOTS[-1])
    psk: SecretStr | None = None
    psk_file: Path | None = None
    allow_default_psk: bool = False
    keepalive: int = Field(default=10, ge=0, le=65535)
    implementation: Literal["auto", "kernel", "userspace"] = "auto"
    manage_daemon: bool = True

    @model_validator(mode="after")
    def _psk_is_a_secret(self) -> Self:
        if self.psk_file is not None or self.allow_default_psk:
            return self
        if self.psk is None or not self.psk.get_secret_value():
            raise ValueError(f"no PSK is set: {_EVERYBODYS}")
        if self.psk.get_secret_value() == DEFAULT_PSK:
            raise ValueError(f"psk is the one that upstream has by default: {_EVERYBODYS}")
        return self

    def udp_ports(self, position: int) -> range:
        """The configured port or the default for this position, and those of the other slots."""
        default = FIRST_PORT if position == 0 else OTHER_PORT
        port = self.port if self.port is not None else default
        return range(port, port + len(SLOTS))

    def preshared_key(self) -> Secret:
        """The key that all peers share. Raises :class:`CableError` for an unusable file."""
        if self.psk_file is None:
            text = self.psk.get_secret_value() if self.psk is not None else ""
            return preshared_key(text or DEFAULT_PSK)
        return preshared_key(read_psk(self.psk_file, "options.wireguard.psk_file"))
