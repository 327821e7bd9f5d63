"""``submariner forget``: remove a departed cluster from the broker and the own datastore."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from submariner_core.api.errors import StoreUnavailable, SubmarinerError
from submariner_core.cli.output import Column, output_option, render
from submariner_core.cli.settings_option import config_option

if TYPE_CHECKING:
    from submariner_core.api.transport import Ref, Transport
    from submariner_core.reconcile.stores import StoreView

WRITE_TIMEOUT = 5.0
COLUMNS = (Column("store"), Column("removed"))


class NotForgotten(SubmarinerError):
    """The cluster is unknown, or does not look gone; nothing was removed."""


@click.command()
@click.argument("cluster")
@config_option
@click.option("--force", is_flag=True, help="Even if it is connected, or is this very cluster.")
@output_option
def forget(cluster: str, config: Path | None, force: bool, output: str) -> None:
    """Remove the Endpoints and Clusters of CLUSTER, which is gone for good.

    They go from the broker and from this cluster's datastore; the other clusters follow the
    broker. Prefixes that only CLUSTER stood in the way of are admitted again. A cluster that
    still runs writes its records anew.
    """
    render(asyncio.run(_forget(cluster, config, force)), COLUMNS, output)


async def _forget(cluster: str, config: Path | None, force: bool) -> list[Mapping[str, object]]:
    from submariner_core.api.info import Role
    from submariner_core.cli.stores import read_store
    from submariner_core.loading import load_from
    from submariner_core.observe.logs import configure
    from submariner_core.reconcile.departure import records_of

    loaded = load_from(config, os.environ, roles=(Role.BROKER,))
    configure(loaded.settings.log.model_copy(update={"level": "warning"}))
    stores: dict[str, Transport] = {}
    # the broker first: the leader copies to the datastore what still stands there
    broker = loaded.broker()
    if broker is not None:
        stores["broker"] = broker
    stores["datastore"] = loaded.datastore()
    removed: list[Mapping[str, object]] = []
    try:
        views = {name: await read_store(store) for name, store in stores.items()}
        if not force:
            _refuse_the_living(cluster, loaded.settings.cluster_id, views["datastore"])
        found = {name: records_of(view, cluster) for name, view in views.items()}
        if not any(found.values()):
            raise NotForgotten(_unknown(cluster, views.values()))
        for name, refs in found.items():
            for ref in refs:
                await _delete(name, stores[name], ref)
                removed.append({"store": name, "removed": str(ref)})
    finally:
        for store in stores.values():
            await store.close()
    return removed


async def _delete(name: str, store: Transport, ref: Ref) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT):
            await store.delete(ref, None)
    except TimeoutError:
        raise StoreUnavailable(
            f"the {name} did not answer within {WRITE_TIMEOUT:.0f} s when {ref} was to be "
            "deleted; run this again"
        ) from None


def _refuse_the_living(cluster: str, own: str, datastore: StoreView) -> None:
    from submariner_core.reconcile.departure import connected

    if cluster == own:
        raise NotForgotten(
            f"{cluster!r} is this very cluster: to take it out of service, run "
            "submariner cleanup --uninstall on its gateways; to remove its records only, "
            "give --force"
        )
    cables = connected(datastore, cluster)
    if cables:
        raise NotForgotten(
            f"cluster {cluster!r} is not gone: {'; '.join(cables)}. "
            "Stop its gateways first, or give --force"
        )


def _unknown(cluster: str, views: Iterable[StoreView]) -> str:
    from submariner_core.reconcile.departure import known_clusters

    known = known_clusters(*views)
    close = difflib.get_close_matches(cluster, known, n=1)
    question = f"did you mean {close[0]!r}? " if close else ""
    return f"no store knows a cluster {cluster!r}; {question}known: {', '.join(known) or 'none'}"
