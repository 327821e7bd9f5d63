"""The lease of a cluster, as its store holds it: a slow store widens it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import entry_points

import pluggy

from submariner_core.api import hooks
from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_lab import namespaces
from submariner_lab.cluster import Cluster
from submariner_lab.errors import LabError

CALM, QUICK_CALM = 10.0, 2.0
"""Seconds that a widened lease has to narrow before a run."""
PATIENCE = 60.0
"""Seconds for a store to answer at all: a busy machine is no reason to measure nothing."""
POLL = 0.25
LEASE = 3.0
"""Seconds that a lease lasts while its store is fast: the default, which labs go by."""


async def read_lease(cluster: Cluster) -> LeaseRecord | None:
    """The record, read beside the store: no part of the lab's network is in between.

    Raises :class:`StoreUnavailable` when the store does not answer within a lease's second, and
    :class:`LabError` for what it refuses.
    """
    store = cluster.store

    def read() -> LeaseRecord | None:
        return asyncio.run(_read(store.election, store.direct_options(), cluster.name))

    try:
        return await asyncio.to_thread(namespaces.inside, store.site.netns, read)
    except StoreUnavailable:
        raise
    except StoreError as error:
        raise LabError(f"the lease of {cluster.name}: {error}") from None


async def _read(name: str, options: Mapping[str, object], cluster_id: str) -> LeaseRecord | None:
    (entry,) = entry_points(group="submariner.election", name=name)
    plugin = entry.load()
    binding = pluggy.PluginManager(hooks.PROJECT)
    binding.add_hookspecs(hooks)
    binding.register(plugin)
    model = plugin.submariner_plugin_info().options[name]
    (store,) = binding.hook.submariner_lease_store(
        name=name, options=model.model_validate(options), cluster_id=cluster_id
    )
    assert isinstance(store, LeaseStore)
    try:
        return await store.read()
    finally:
        await store.close()


async def until_calm(cluster: Cluster, limit: float = CALM) -> float:
    """The lease's duration in seconds, once it is not widened or time is up.

    A holder records a longer one while its store is slow, as it is while a whole lab starts on a
    few cores. A take-over would take that much longer. A store that is too busy to answer is asked
    again. Raises :class:`LabError` when it never does, or refuses.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    while True:
        try:
            record = await read_lease(cluster)
        except StoreUnavailable as error:
            if clock() > began + max(limit, PATIENCE):
                raise LabError(f"the lease of {cluster.name}: {error}") from None
        else:
            duration = 0.0 if record is None else record.duration
            if duration <= LEASE or clock() > began + limit:
                return duration
        await asyncio.sleep(POLL)
