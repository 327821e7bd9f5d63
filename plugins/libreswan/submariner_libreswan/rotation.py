"""A PSK on its way out and another on its way in: what the command leaves for the driver."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from submariner_core.api.errors import CableError
from submariner_libreswan.credentials import Certificate, Credentials, Psk, distinct

ACCEPTED = "accepted"
"""A PSK that peers may prove themselves with, beside the one in use."""
USED = "used"
"""The PSK that this end proves itself with, in place of the settings' one, still accepted."""


class Rotation:
    """Two files in a folder of the driver's state, each a PSK's text; mode 0600.

    ``files`` are the settings' own: what is mounted from a Secret changes in place.
    """

    def __init__(self, folder: Path, files: Sequence[Path] = ()) -> None:
        self._folder = folder
        self._files = tuple(files)
        self._stamp: tuple[float, ...] | None = None

    def credentials(self, configured: Psk | None, certificate: Certificate | None) -> Credentials:
        """What holds now: the PSK in use first. Raises :class:`CableError`."""
        self._stamp = self._stamps()
        if configured is None:
            return Credentials(certificate=certificate)
        psks = [self._read(USED), configured, self._read(ACCEPTED)]
        return Credentials(distinct([psk for psk in psks if psk is not None]))

    def changed(self) -> bool:
        """Whether a file has changed since :meth:`credentials`."""
        return self._stamps() != self._stamp

    def accept(self, psk: Psk) -> None:
        """Accept another PSK from now on."""
        self._write(ACCEPTED, psk)

    def use(self) -> Psk:
        """Prove ourselves with the accepted one from now on. Raises :class:`CableError`."""
        psk = self._read(ACCEPTED)
        if psk is None:
            raise CableError(
                "no other PSK is accepted yet: first `psk accept FILE`, at all gateways"
            )
        self._write(USED, psk)
        (self._folder / ACCEPTED).unlink(missing_ok=True)
        return psk

    def drop(self, configured: Psk) -> None:
        """End a rotation. Raises :class:`CableError` unless the settings have the new PSK."""
        used = self._read(USED)
        if used is not None and used != configured:
            raise CableError(
                f"the settings still have PSK {configured.fingerprint}, in use is "
                f"{used.fingerprint}: put the new one into psk_file first, or a restart of this "
                "gateway would go back"
            )
        self.erase()

    def erase(self) -> None:
        """Remove both files, and what a crash may have left beside them."""
        for name in (ACCEPTED, USED):
            (self._folder / name).unlink(missing_ok=True)
            (self._folder / f"{name}.new").unlink(missing_ok=True)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _read(self, name: str) -> Psk | None:
        path = self._folder / name
        try:
            return Psk(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise CableError(
                f"{path} cannot be read ({error}): remove it and begin anew"
            ) from None

    def _write(self, name: str, psk: Psk) -> None:
        path = self._folder / f"{name}.new"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(psk.reveal())
                file.flush()
                os.fsync(file.fileno())
            path.replace(self._folder / name)
        except OSError as error:
            raise CableError(f"{path} cannot be written ({error.strerror})") from None

    def _stamps(self) -> tuple[float, ...]:
        paths = (self._folder / ACCEPTED, self._folder / USED, *self._files)
        return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
