"""Upstream's environment asks a daemon to uninstall, or to wait for its node, instead of to run.

Its uninstall and init containers are the daemons' own images with one variable set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import structlog

from submariner_core.api.errors import ConfigError
from submariner_core.cli.cleanup import report
from submariner_core.cli.node.uninstall import Uninstall, uninstalling
from submariner_core.config import Settings, load
from submariner_core.config.settings import Log
from submariner_core.daemon.node import private_ip
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.observe.logs import configure

LOOK_AGAIN = 1.0
"""Seconds between two looks at the node."""

log = structlog.get_logger("submariner.cli")


def uninstall(loaded: Loaded, *, on_gateway: bool) -> None:
    """Do it and return; exit code 1 if not everything could be removed."""
    report(asyncio.run(_uninstall(loaded, on_gateway=on_gateway)), "table")


def wait(path: Path | None, environ: Mapping[str, str]) -> None:
    """Return when this node is ready.

    Settings are read where there are any: upstream's init container names nothing but the node.
    """
    given = path is not None or environ.get("SUBMARINER_CLUSTERID")
    settings = load(path, environ) if given else None
    configure(settings.log if settings is not None else Log())
    address = asyncio.run(wait_for_node(settings))
    log.info("node-ready", address=str(address))


async def wait_for_node(settings: Settings | None) -> IPv4Address:
    """The node's address on the underlay, as soon as one of its devices has it.

    Kubernetes is not asked: what both daemons need of a node is an address.
    """
    said = ""
    async with Kernel() as kernel:
        while True:
            try:
                address = await private_ip(settings, kernel)
            except ConfigError as error:
                reason = str(error)
            else:
                if address in {one.interface.ip for one in await kernel.addresses.list()}:
                    return address
                reason = f"no device has {address}"
            if reason != said:
                log.info("waiting-for-node", reason=reason)
                said = reason
            await asyncio.sleep(LOOK_AGAIN)


async def _uninstall(loaded: Loaded, *, on_gateway: bool) -> Uninstall:
    async with uninstalling(loaded) as work:
        await (work.gateway(leave=True) if on_gateway else work.route_agent())
    return work
