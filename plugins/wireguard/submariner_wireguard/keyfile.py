"""The private key of this gateway's host, on its disk."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from submariner_core.api.errors import CableError
from submariner_wireguard.secret import KEY_LENGTH, Secret

FILE = "private.key"
NEXT = "next.key"
"""A key that waits for the next start of the gateway."""


def ensure_key(folder: Path, *, starting: bool = True) -> Secret:
    """The key to use from now on: the one that waits, the one in use, or a new one.

    Unless the gateway is ``starting``, one that waits goes on waiting.

    Raises :class:`CableError` for a file that others can read, that is another user's or no key.
    """
    waiting = folder / NEXT
    try:
        if starting and waiting.exists():
            _load(waiting)  # never give up a key in use for one that is none
            waiting.replace(folder / FILE)
            _sync(folder)
        if not (folder / FILE).exists():
            _make(folder / FILE)
    except OSError as error:
        raise _unusable(folder / FILE, error) from error
    return _load(folder / FILE)


def load_key(folder: Path) -> Secret | None:
    """The key in use, ``None`` if there is none yet. Raises as :func:`ensure_key`."""
    return _load(folder / FILE) if (folder / FILE).exists() else None


def key_waits(folder: Path) -> bool:
    """Whether a key waits for the next start."""
    return (folder / NEXT).exists()


def stage_key(folder: Path) -> Secret:
    """Make a key that is used from the next start on; one that waits already is kept."""
    try:
        if not (folder / NEXT).exists():
            _make(folder / NEXT)
    except OSError as error:
        raise _unusable(folder / NEXT, error) from error
    return _load(folder / NEXT)


def erase_keys(folder: Path) -> None:
    """Remove all keys, and what a crash may have left beside them."""
    for name in (FILE, NEXT):
        (folder / name).unlink(missing_ok=True)
        (folder / f"{name}.new").unlink(missing_ok=True)


def _load(path: Path) -> Secret:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            held = os.fstat(file.fileno())
            text = file.read(1024)
    except OSError as error:
        raise _unusable(path, error) from error
    if not stat.S_ISREG(held.st_mode):
        raise CableError(f"{path}: a file with a private key was expected: remove what is there")
    if held.st_uid != os.geteuid():
        raise CableError(
            f"{path}: it belongs to user {held.st_uid}, and this gateway runs as "
            f"{os.geteuid()}: somebody else may know the key; remove it, and a new one is made"
        )
    if held.st_mode & 0o077:
        raise CableError(
            f"{path}: its mode is {stat.S_IMODE(held.st_mode):04o}, 0600 was expected: somebody "
            "else may know the key; remove it, and a new one is made"
        )
    try:
        octets = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if len(octets) != KEY_LENGTH:
        raise CableError(
            f"{path}: not a private key ({KEY_LENGTH} octets in base64 were expected): "
            "remove it, and a new one is made"
        )
    return Secret(octets)


def _make(path: Path) -> None:
    """Written and on the disk before it has its name: a crash leaves a whole key or none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_LENGTH)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> CableError:
    return CableError(
        f"{path}: the private key cannot be kept there ({error.strerror}): "
        "give the gateway a state_dir of its own that it can read and write"
    )
