"""List, then watch: what is there, each change, and what is there again after any gap."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from submariner_core.api.errors import StoreUnavailable
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Expired, Forbidden
from submariner_kubernetes.resource import Object, Resource

log = structlog.get_logger("submariner.kubernetes")

WATCH_SECONDS = (60, 90)
"""How long one watch is asked to last, at random between these, so that clients spread.

Short, since a watch whose other end is gone without a word is noticed only when it lasts longer.
"""
EARLY = 2.0
"""A watch that ends so many seconds before its time was cut off: the server may be another."""
LIST_SECONDS = 10.0
"""Seconds between lists of what may be listed and not watched: upstream's agent's RouteAgents."""
SPREAD = 0.5
"""Seconds: the longest random wait before a new list, when all clients want one at once."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that is there, as of one moment."""

    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """An object was made or changed."""

    object: Object


@dataclass(frozen=True, slots=True)
class Gone:
    """An object is gone; this is how it was last."""

    object: Object


News = Listed | Changed | Gone


async def follow(
    client: KubeClient, resource: Resource, **query: str
) -> AsyncGenerator[News, None]:
    """A :class:`Listed` first, and again after any gap; changes in between. For ever.

    What may be listed and not watched is listed again and again. Raises
    :class:`StoreUnavailable` when the server goes away, and whatever it refuses.
    """
    unwatchable = False
    while True:
        # without a resourceVersion: as of now, not out of a cache that may lag
        answer = await client.list(resource, **query)
        yield Listed(tuple(answer.get("items") or ()))
        version = str(answer["metadata"]["resourceVersion"])
        try:
            async with aclosing(_changes(client, resource, version, query)) as changes:
                async for change in changes:
                    yield change
        except Expired:
            pass
        except Forbidden as error:
            if not unwatchable:
                log.warning("listed-not-watched", reason=str(error), every=LIST_SECONDS)
            unwatchable = True
            await asyncio.sleep(LIST_SECONDS)
        await asyncio.sleep(random.uniform(0, SPREAD))  # noqa: S311 - no secret


async def _changes(
    client: KubeClient, resource: Resource, version: str, query: dict[str, str]
) -> AsyncGenerator[News, None]:
    """The changes since ``version``, over one watch after the other; ends where there is a gap."""
    while True:
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - no secret
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        async with aclosing(client.watch(resource, version, seconds, **query)) as events:
            async for event in events:
                found = event.get("object")
                found = found if isinstance(found, dict) else {}
                kind = event.get("type")
                if kind == "ERROR":
                    _raise(resource, found)
                version = str(found["metadata"]["resourceVersion"])
                if kind in {"ADDED", "MODIFIED"}:
                    yield Changed(found)
                elif kind == "DELETED":
                    yield Gone(found)
        if time.clock_gettime(time.CLOCK_BOOTTIME) < began + seconds - EARLY:
            return


def _raise(resource: Resource, status: Object) -> None:
    """What a watch says of its own end."""
    message = f"{resource}: the watch failed: {status.get('message')}"
    if status.get("code") == 410:
        raise Expired(message)
    raise StoreUnavailable(message)
