"""The bearer token, from a file that is read again as it changes, or given."""

from __future__ import annotations

import time
from pathlib import Path

from kubernetes.aio.client.configuration import Configuration
from pydantic import SecretStr

from submariner_core.api.errors import StoreError

READ_AGAIN = 10.0
"""Seconds after which the file is read again: Kubernetes renews a pod's token every hour."""


class Token:
    """The first that is there: ``token`` in a folder, a file, a text. None at all: anonymous."""

    def __init__(
        self, folder: Path | None, file: Path | None, text: SecretStr | None = None
    ) -> None:
        paths = (folder / "token" if folder else None, file)
        self._paths = tuple(path for path in paths if path is not None)
        self._text = text
        self._header = ""
        self._read_at = float("-inf")

    def header(self) -> str:
        """The value of ``Authorization``. Raises :class:`StoreError` if there is no reading it."""
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        if now >= self._read_at + READ_AGAIN:
            token = self._read()
            self._header = f"Bearer {token}" if token else ""
            self._read_at = now
        return self._header

    def forget(self) -> None:
        """Read the file for the next request: the server refused what it held."""
        self._read_at = float("-inf")

    def refresh(self, settings: Configuration) -> None:
        """Put the token where the library looks for it; it asks only where there was one."""
        settings.api_key["BearerToken"] = self.header()

    def _read(self) -> str:
        for path in self._paths:
            try:
                token = path.read_text(encoding="ascii").strip()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"{path}: cannot read the token ({error.strerror})") from None
            except UnicodeError:
                raise StoreError(f"{path}: not a token: it holds more than ASCII") from None
            if token and token.isprintable() and " " not in token:
                return token
            raise StoreError(f"{path}: not a token: one word is expected")
        if self._text is not None:
            return self._text.get_secret_value()
        if self._paths:
            raise StoreError(f"{self._paths[-1]}: there is no such token file")
        return ""
