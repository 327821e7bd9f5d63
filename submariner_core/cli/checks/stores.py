"""The datastore, the broker and the lease: within reach, and holding what makes sense."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from submariner_core.api.errors import StoreError
from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_core.api.transport import Transport
from submariner_core.cli.checks.finding import Finding, Subject, error, ok, warning
from submariner_core.cli.stores import read_store
from submariner_core.reconcile.election_identity import host_of
from submariner_core.reconcile.stores import StoreView

PATIENCE = 5.0
"""Seconds for one answer of a store."""
LOOK_AGAIN = 0.1


async def datastore(subject: Subject) -> Sequence[Finding]:
    """The own cluster's store."""
    assert subject.loaded is not None
    return await _store("datastore", subject.loaded.datastore())


async def broker(subject: Subject) -> Sequence[Finding]:
    """The store where clusters meet."""
    assert subject.loaded is not None
    store = subject.loaded.broker()
    if store is None:
        remedy = "name one in plugins.broker"
        return [warning("broker", "none is set: this cluster meets no other", remedy)]
    return await _store("broker", store)


async def lease(subject: Subject) -> Sequence[Finding]:
    """Somebody holds the lease, and renews it."""
    assert subject.loaded is not None
    store = subject.loaded.lease_store()
    try:
        return [await _judge(store)]
    finally:
        await store.close()


async def _store(check: str, store: Transport) -> Sequence[Finding]:
    try:
        view = await read_store(store, wait=PATIENCE)
    except (StoreError, OSError) as reason:
        return [error(check, str(reason), f"check options.{check}, and the way to it")]
    finally:
        await store.close()
    return [ok(check, summary(view)), *_refused(check, view)]


def _refused(check: str, view: StoreView) -> Sequence[Finding]:
    if not view.malformed:
        return []
    names = ", ".join(str(ref) for ref in sorted(view.malformed))
    remedy = "see why: submariner show malformed; a later release may have written them"
    return [warning(f"records of {check}", f"refused: {names}", remedy)]


def summary(view: StoreView) -> str:
    """How many objects of each kind."""
    counts = (
        (len(view.clusters()), "cluster"),
        (len(view.endpoints()), "endpoint"),
        (len(view.gateways()), "gateway"),
        (len(view.route_agents()), "route agent"),
    )
    words = (f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
    return "answers; " + ", ".join(words)


async def _judge(store: LeaseStore) -> Finding:
    check = "lease"
    try:
        record = await _read(store)
        if record is None:
            remedy = "start a gateway; this is normal before the first one"
            return warning(check, "no gateway of this cluster has ever led", remedy)
        said = f"epoch {record.epoch}, {record.duration:g} s"
        if not record.holder:
            return warning(check, f"{said}; released: nobody leads", "start a gateway")
        said = f"{host_of(record.holder)} holds it, {said}"
        if await _is_renewed(store, record):
            return ok(check, f"{said}, renewed")
    except (StoreError, OSError) as reason:
        words = str(reason) or f"no answer within {PATIENCE:.0f} s"
        return error(check, words, "check options.election, and the way to it")
    remedy = "see whether any gateway of this cluster runs and reaches the lease's store"
    return error(check, f"{said}, but did not renew it for so long", remedy)


async def _is_renewed(store: LeaseStore, record: LeaseRecord) -> bool:
    """Whether the record changes within its own duration."""
    try:
        async with asyncio.timeout(record.duration):
            while await _read(store) == record:  # noqa: ASYNC110 - a watch may be silent
                await asyncio.sleep(LOOK_AGAIN)
    except TimeoutError:
        return False
    return True


async def _read(store: LeaseStore) -> LeaseRecord | None:
    async with asyncio.timeout(PATIENCE):
        return await store.read()
