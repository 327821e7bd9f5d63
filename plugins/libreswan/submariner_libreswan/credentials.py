"""What a gateway proves itself with: a PSK of the whole cluster set, or its own certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from submariner_core.kernel.secret_files import read_psk


class Psk:
    """A PSK's text. Printing, logging, formatting or pickling one shows nothing of it."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text, for whoever hands it to a daemon."""
        return self.__text

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits by which people tell PSKs apart."""
        return hashlib.sha256(b"submariner psk\0" + self.__text.encode()).hexdigest()[:8]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Psk) and self.__text == other.reveal()

    def __hash__(self) -> int:
        return hash(self.__text)

    def __repr__(self) -> str:
        return f"Psk({self.fingerprint})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PSK is not pickled or copied")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: this gateway's certificate, its private key, and who signs all gateways'.

    ``digest`` tells one content of the files from another.
    """

    certificate: Path
    private_key: Path
    ca: Path
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """PSKs, the one to prove oneself with first and others that are accepted; or a certificate."""

    psks: tuple[Psk, ...] = ()
    certificate: Certificate | None = None


def psk_from_file(path: Path, option: str) -> Psk:
    """The PSK in a file. Raises :class:`CableError` for a file that cannot be used."""
    return Psk(read_psk(path, option))


def distinct(psks: Sequence[Psk]) -> tuple[Psk, ...]:
    """In order, each once."""
    return tuple(dict.fromkeys(psks))
