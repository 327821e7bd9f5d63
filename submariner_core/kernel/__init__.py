"""The one place that speaks to Linux: netlink, nftables, sysctls.

Importing it is light; pyroute2 is loaded with the first request.
"""

from __future__ import annotations

from submariner_core.api.network import (
    FLOOD,
    PROTOCOL,
    Address,
    ForwardingEntry,
    Link,
    Neighbour,
    Nexthop,
    Route,
    RouteLookup,
    RouteType,
    Rule,
    Vxlan,
    VxlanSettings,
    Xfrm,
)
from submariner_core.kernel.errors import KernelError, LinkMismatch
from submariner_core.kernel.kernel import Kernel

__all__ = [
    "FLOOD",
    "PROTOCOL",
    "Address",
    "ForwardingEntry",
    "Kernel",
    "KernelError",
    "Link",
    "LinkMismatch",
    "Neighbour",
    "Nexthop",
    "Route",
    "RouteLookup",
    "RouteType",
    "Rule",
    "Vxlan",
    "VxlanSettings",
    "Xfrm",
]
