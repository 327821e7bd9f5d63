"""What an API server's refusals mean, in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from submariner_core.api import schema
from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_kubernetes.resource import Resource


class Conflict(StoreError):
    """409: the object was changed, made or removed by somebody else meanwhile."""


class Forbidden(StoreError):
    """403 by RBAC: no Role lets us do this."""


class Missing(StoreError):
    """404: there is no object of this name."""


class Expired(StoreUnavailable):
    """410: the server no longer knows what happened since the moment we asked about."""


class TokenRefused(StoreUnavailable):
    """401: the server does not know who we are."""


class Overloaded(StoreUnavailable):
    """429, or 503 with a time: ask again in ``seconds``, not earlier."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


GRANT = "kubectl apply -k deploy/rbac"
"""What gives our daemons all that they need."""
LONGEST_REST = 30.0
"""Seconds: no server makes us wait longer than this."""


def refusal(
    server: str, resource: Resource, status: int, headers: Mapping[str, str], answer: bytes
) -> StoreError:
    """The error for an answer that is none of 2xx. ``server`` names the API server."""
    said = _status(answer)
    message = str(said.get("message") or answer[:200].decode("utf-8", "replace").strip())
    where = f"{server}: {resource}: {status}: {message}"
    retry_after = _seconds(headers.get("Retry-After"))
    error: StoreError
    match status:
        case 401:
            error = TokenRefused(
                f"{server}: the token was refused; it has expired, or is of another cluster "
                "(a token file is read again by itself)"
            )
        case 403:
            error = (
                StoreError(where)
                if "denied request" in message
                else Forbidden(f"{where}; {GRANT} (at a broker: deploy/broker) lets it")
            )
        case 404:
            error = _missing(where, resource, said)
        case 409:
            error = Conflict(where)
        case 410:
            error = Expired(where)
        case 429:
            error = Overloaded(where, 1.0 if retry_after is None else retry_after)
        case 503 if retry_after is not None:
            error = Overloaded(where, retry_after)
        case _ if status >= 500 or status == 408:
            error = StoreUnavailable(where)
        case _:
            error = StoreError(where)
    return error


def _missing(where: str, resource: Resource, said: Mapping[str, Any]) -> StoreError:
    details = said.get("details")
    details = details if isinstance(details, dict) else {}
    if details.get("kind") == "namespaces":
        return StoreError(f"{where}; make it: kubectl create namespace {details.get('name')}")
    if details.get("name"):
        return Missing(where)
    if resource.group == schema.GROUP:
        return StoreError(
            f"{where}; its definition is not installed there: kubectl apply -k deploy/crds"
        )
    return StoreError(f"{where}; is this a Kubernetes API server?")


def _status(answer: bytes) -> dict[str, Any]:
    """The ``Status`` object that API servers answer with, or nothing."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(retry_after: str | None) -> float | None:
    """``Retry-After`` as API servers give it, in whole seconds."""
    if retry_after is None or not retry_after.isdecimal():
        return None
    return min(float(retry_after), LONGEST_REST)
