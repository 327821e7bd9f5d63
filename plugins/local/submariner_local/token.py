"""The bearer token that a store server and its clients share, kept in a file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from submariner_core.api.errors import StoreError


def read_token(path: Path) -> str:
    """The token in ``path``. Raises :class:`StoreError` if there is none."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StoreError(f"{path}: cannot read the token ({error.strerror})") from None
    except UnicodeError:
        raise StoreError(f"{path}: not a token: it holds more than ASCII text") from None
    if not token or not token.isprintable() or " " in token:
        raise StoreError(f"{path}: not a token: one word of printable characters is expected")
    return token


def ensure_token(path: Path) -> tuple[str, bool]:
    """The token in ``path`` and whether it was made just now (random, mode 0600).

    Refuses a file that everybody on this machine can read.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o007:
            raise StoreError(
                f"{path}: everybody on this machine can use this token; chmod o-rwx {path}"
            ) from None
        return read_token(path), False
    except OSError as error:
        raise StoreError(f"{path}: cannot make a token file ({error.strerror})") from None
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token, True
