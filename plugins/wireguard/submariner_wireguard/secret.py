"""Keys: secret ones that never print themselves, public ones as text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from submariner_core.api.errors import CableError

KEY_LENGTH = 32
"""Octets of every key of WireGuard."""


class Secret:
    """32 secret octets. Printing, logging, formatting or pickling one shows nothing of them."""

    __slots__ = ("__octets",)

    def __init__(self, octets: bytes) -> None:
        if len(octets) != KEY_LENGTH:
            raise ValueError(f"a key has {KEY_LENGTH} octets, this one has {len(octets)}")
        self.__octets = bytes(octets)

    def reveal(self) -> bytes:
        """The octets, for whoever hands them to WireGuard."""
        return self.__octets

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__octets, other.__octets)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")


def preshared_key(text: str) -> Secret:
    """The preshared key that upstream derives from a text: its SHA-256."""
    return Secret(hashlib.sha256(text.encode()).digest())


def public_key(private: Secret) -> str:
    """The public key (base64) that belongs to a private one."""
    key = X25519PrivateKey.from_private_bytes(private.reveal())
    octets = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(octets).decode("ascii")


def checked_public_key(text: str, owner: str) -> str:
    """``text`` if it is a public key, in the one form that base64 has for it.

    Raises :class:`CableError` that names ``owner``.
    """
    if not text:
        raise CableError(
            f"{owner}: it advertises no publicKey: its gateway must run a wireguard cable driver"
        )
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CableError(f"{owner}: its publicKey is not base64: correct its Endpoint") from None
    if len(octets) != KEY_LENGTH:
        raise CableError(
            f"{owner}: its publicKey has {len(octets)} octets, a key has {KEY_LENGTH}: "
            "correct its Endpoint"
        )
    if not any(octets):
        raise CableError(f"{owner}: its publicKey is all zeros: correct its Endpoint")
    return base64.b64encode(octets).decode("ascii")
