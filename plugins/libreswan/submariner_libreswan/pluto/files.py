"""Files of a pluto of our own, and of ours beside the host's: what is in them and where."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from submariner_core.api.errors import CableError
from submariner_libreswan.credentials import Psk

CONFIGURATION = """\
# Written by the libreswan cable driver. Connections come through whack; none is here.
config setup
    dnssec-enable=no
    ikev1-policy=drop
"""
SOCKET_LENGTH = 107
"""Octets that the path of a unix socket may have."""
HOST_RUN = Path("/run/pluto")
HOST_SECRETS = Path("/etc/ipsec.d/submariner.secrets")
"""Where upstream has them too; ``/etc/ipsec.secrets`` of the packages includes that folder."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is."""

    folder: Path
    run: Path
    secrets: Path
    log: Path | None

    @property
    def socket(self) -> Path:
        """Where pluto listens for whack."""
        return self.run / "pluto.ctl"

    @property
    def pid(self) -> Path:
        """Pluto's lock: its process id."""
        return self.run / "pluto.pid"

    @property
    def configuration(self) -> Path:
        """``ipsec.conf`` of an own pluto."""
        return self.folder / "ipsec.conf"

    @property
    def nss(self) -> Path:
        """The NSS database of an own pluto."""
        return self.folder / "nss"

    @property
    def policies(self) -> Path:
        """What an own pluto wants in place of ``/etc/ipsec.d``; empty."""
        return self.folder / "ipsec.d"

    @property
    def ledger(self) -> Path:
        """What was loaded, for the next process."""
        return self.folder / "loaded.json"


def places(folder: Path, *, managed: bool, log: Path | None) -> Places:
    """Those of a pluto of ours, or of the host's."""
    if managed:
        return Places(folder, folder / "run", folder / "secrets", log or folder / "pluto.log")
    return Places(folder, HOST_RUN, HOST_SECRETS, log)


def prepare(spots: Places) -> None:
    """Make folders and configuration of a pluto of ours. Raises :class:`CableError`."""
    if len(os.fsencode(spots.socket)) > SOCKET_LENGTH:
        raise CableError(
            f"{spots.socket}: too long for a socket's path: set state_dir to a shorter one"
        )
    try:
        for path in (spots.folder, spots.run, spots.nss, spots.policies):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not spots.configuration.exists():
            spots.configuration.write_text(CONFIGURATION, "ascii")
    except OSError as error:
        raise CableError(f"{spots.folder} cannot be written ({error.strerror})") from None


def command(spots: Places) -> tuple[str, ...]:
    """The words that start a pluto which touches no file of the host's."""
    return (
        *("--config", str(spots.configuration), "--nofork", "--logfile", str(spots.log)),
        *("--rundir", str(spots.run), "--nssdir", str(spots.nss)),
        *("--secretsfile", str(spots.secrets), "--ipsecdir", str(spots.policies)),
        *("--dumpdir", str(spots.run), "--no-dnssec", "--use-xfrm"),
    )


def secrets(usual: Psk | None, of_peers: Iterable[tuple[tuple[str, str], Psk]]) -> str:
    """A secrets file: the PSK for all who have none of their own, and those that have."""
    lines = ["# Written by the libreswan cable driver."]
    if usual is not None:
        lines.append(f'%any %any : PSK "{_quoted(usual)}"')
    lines += [
        f'{ids[0]} {ids[1]} : PSK "{_quoted(psk)}"'
        for ids, psk in sorted(dict(of_peers).items(), key=_ids)
    ]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> bool:
    """Put a secret text there, mode 0600, whole or not at all; whether it was another before.

    Raises :class:`CableError`.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        if _private(path) and path.read_text("utf-8") == text:
            return False
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise CableError(f"{path} cannot be written ({error.strerror})") from None
    return True


def remove(spots: Places) -> None:
    """Remove all that :func:`prepare` and a pluto of ours made; a log of the user's stays."""
    for path in (spots.ledger, spots.ledger.with_name(f"{spots.ledger.name}.new")):
        path.unlink(missing_ok=True)
    if spots.run == spots.folder / "run":
        shutil.rmtree(spots.folder, ignore_errors=True)


def _quoted(psk: Psk) -> str:
    text = psk.reveal()
    if set(text) & set('"\n\r'):
        raise CableError("psk holds a quote or a line break, which no secrets file can hold")
    return text


def _private(path: Path) -> bool:
    return path.exists() and path.stat().st_mode & 0o777 == 0o600


def _ids(entry: tuple[tuple[str, str], Psk]) -> tuple[str, str]:
    return entry[0]
