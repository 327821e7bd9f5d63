"""Errors of an etcd, in the core's words."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import aiohttp

from submariner_core.api.errors import StoreError, StoreUnavailable

# codes of gRPC, which the gateway passes on
_DEADLINE, _UNAVAILABLE, _UNAUTHENTICATED = 4, 14, 16
_REMEDIES = {
    "permission denied": "; grant the user readwrite on the whole prefix",
    "authentication failed": "; check username and password_file",
    "user name is empty": "; it wants to know who asks: give username and password_file",
    "space exceeded": "; compact and defragment it, then `etcdctl alarm disarm`",
}


class TokenRefused(StoreError):
    """The token has expired, or its user has changed: authenticate again."""


class NotConnected(StoreUnavailable):
    """Nothing was sent: another member may be asked in its place."""


def refusal(where: str, status: int, answer: bytes) -> StoreError:
    """The error that an answer other than 200 stands for."""
    try:
        told = json.loads(answer)
        code, message = int(told["code"]), str(told.get("message") or told["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return StoreError(f"{where}: answered {status} as no etcd does; check endpoints")
    return told_error(where, code, message)


def told_error(where: str, code: int, message: str) -> StoreError:
    """The error that a code and a message of etcd stand for."""
    message = message.removeprefix("etcdserver: ")
    if code in {_DEADLINE, _UNAVAILABLE}:
        return StoreUnavailable(f"{where}: {message}")
    if code == _UNAUTHENTICATED or "invalid auth token" in message:
        return TokenRefused(f"{where}: {message}")
    remedy = next((remedy for sign, remedy in _REMEDIES.items() if sign in message), "")
    return StoreError(f"{where}: {message}{remedy}")


@contextlib.contextmanager
def in_our_words(where: str) -> Iterator[None]:
    """What reading from and writing to a server raises becomes a :class:`StoreError`."""
    try:
        yield
    except TimeoutError:
        raise StoreUnavailable(f"{where}: no answer in time; is it reachable?") from None
    except aiohttp.ClientSSLError as error:
        raise NotConnected(f"{where}: {error}; check ca_file, cert_file and the name") from error
    except aiohttp.ClientConnectorError as error:
        number = error.os_error.errno or 0
        reason = os.strerror(number) if number > 0 else str(error.os_error)
        raise NotConnected(f"{where}: {reason}; is an etcd listening there?") from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
        raise StoreUnavailable(f"{where}: connection lost ({error})") from error
    except (aiohttp.ClientError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            f"{where}: answered as no etcd does ({error}); check endpoints"
        ) from error


def json_object(text: bytes) -> dict[str, Any]:
    """An object. Raises ``ValueError`` for anything else."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"an object, not {type(value).__name__}")  # noqa: TRY004 - from outside
    return value
