"""What the kernel can do, tried out in a network namespace that lasts as long as the trial."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, ip_network

from submariner_core.api.errors import SubmarinerError
from submariner_core.cli.checks.finding import Finding, Subject, error, ok, warning
from submariner_core.kernel import (
    Kernel,
    Nexthop,
    Route,
    Rule,
    Vxlan,
    VxlanSettings,
    expressions,
    nft,
    sysctl,
)

_NEW_NETWORK = 0x40000000
_PREFIX = ip_network("198.51.100.0/24")
_NAME = "submariner-try"

Trial = Callable[[Kernel], Awaitable[object]]


async def features(_: Subject) -> Sequence[Finding]:
    """VXLAN devices, nexthop objects, policy routing, nftables with NAT, connection tracking."""
    results: list[Finding] = []
    # a thread of its own: a namespace is the thread's, and goes with it
    thread = threading.Thread(target=_in_own_namespace, args=(results,), daemon=True)
    thread.start()
    while thread.is_alive():  # noqa: ASYNC110 - a thread tells nobody that it ended
        await asyncio.sleep(0.01)
    return results


def _in_own_namespace(results: list[Finding]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        reason = os.strerror(ctypes.get_errno())
        results.append(
            warning(
                "kernel features",
                f"not tried: no network namespace of its own ({reason})",
                "run this with CAP_SYS_ADMIN, as root for example",
            )
        )
        return
    results.extend(asyncio.run(_try_all()))


async def _try_all() -> list[Finding]:
    async with Kernel() as kernel:
        await kernel.links.set("lo", up=True)
        return [await _try(kernel, *trial) for trial in TRIALS]


async def _try(kernel: Kernel, name: str, trial: Trial, remedy: str) -> Finding:
    try:
        await trial(kernel)
    except (SubmarinerError, OSError) as reason:
        return error(f"kernel: {name}", str(reason), remedy)
    return ok(f"kernel: {name}", "works")


async def _vxlan(kernel: Kernel) -> None:
    settings = VxlanSettings(vni=1, port=4800, local=IPv4Address("127.0.0.1"))
    await kernel.links.ensure_vxlan(Vxlan(_NAME, settings, 1400, "02:f0:7f:00:00:01"))


async def _nexthop(kernel: Kernel) -> None:
    await kernel.nexthops.ensure(Nexthop(1, None))
    await kernel.routes.ensure(Route(_PREFIX, 100, nexthop=1))
    await kernel.nexthops.ensure(Nexthop(1, "lo"))


async def _rule(kernel: Kernel) -> None:
    await kernel.rules.ensure(Rule(100, 100, source=_PREFIX))
    await kernel.rules.ensure(Rule(101, None, incoming="lo"))


async def _filter(_: Kernel) -> None:
    document = (
        expressions.prefix_set("prefixes", [_PREFIX]),
        expressions.base_chain("forward", "filter", "forward", expressions.FILTER),
        expressions.rule("forward", expressions.opens_tcp(), expressions.clamp_mss()),
        expressions.base_chain("nat", "nat", "postrouting", expressions.SOURCE_NAT),
        expressions.rule("nat", expressions.keep_source([_PREFIX])),
    )
    await nft.replace_table("ip", _NAME, document)


async def _conntrack(_: Kernel) -> None:
    document = (
        expressions.base_chain("forward", "filter", "forward", expressions.FILTER),
        expressions.rule("forward", expressions.connection("new"), expressions.accept()),
    )
    await nft.replace_table("ip", f"{_NAME}-ct", document)
    sysctl.ensure("net.netfilter.nf_conntrack_tcp_be_liberal", "1")


TRIALS: tuple[tuple[str, Trial, str], ...] = (
    ("vxlan", _vxlan, "load the module vxlan"),
    ("nexthop objects", _nexthop, "use a kernel of 5.3 or later"),
    ("policy routing", _rule, "use a kernel with CONFIG_IP_MULTIPLE_TABLES"),
    ("nftables", _filter, "load the modules nf_tables and nft_nat; nft must be 1.0 or later"),
    ("connection tracking", _conntrack, "load the module nf_conntrack"),
)
