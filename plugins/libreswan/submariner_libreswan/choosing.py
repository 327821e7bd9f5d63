"""Which daemon speaks IKE on this node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from submariner_core.api.errors import CableError
from submariner_libreswan import process
from submariner_libreswan.daemon import Daemon
from submariner_libreswan.options import LibreswanOptions
from submariner_libreswan.plane import Plane
from submariner_libreswan.pluto.pluto import Pluto
from submariner_libreswan.strongswan.charon import Charon
from submariner_libreswan.strongswan.starting import PROGRAMS


def choose(options: LibreswanOptions, state_dir: Path, plane: Plane) -> Daemon:
    """The one the options name; ``auto``: strongSwan's, else Libreswan's if the kernel has ESP.

    Raises :class:`CableError` where neither is installed.
    """
    charon, pluto = every(options, state_dir)
    if options.daemon == "strongswan" or not options.manage_daemon:
        return pluto if options.daemon == "libreswan" else charon
    if options.daemon == "libreswan":
        return pluto
    if process.find(*PROGRAMS):
        return charon
    if process.find("pluto") and plane is not Plane.USERSPACE:
        return pluto
    raise CableError(
        "libreswan: no IKE daemon is installed: apt-get install charon-systemd "
        "libcharon-extra-plugins libstrongswan-standard-plugins libstrongswan-extra-plugins "
        "(strongSwan), or, where the kernel has ESP, libreswan"
    )


def every(options: LibreswanOptions, state_dir: Path) -> Sequence[Daemon]:
    """Both, strongSwan's first; neither is touched by that."""
    managed = options.manage_daemon
    return (
        Charon(
            state_dir / "charon",
            managed=managed,
            socket=options.vici_socket,
            log_file=options.log_file,
        ),
        Pluto(state_dir / "pluto", managed=managed, log_file=options.log_file),
    )
