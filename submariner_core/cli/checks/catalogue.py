"""Every check, in the order in which they are shown."""

from __future__ import annotations

from submariner_core.cli.checks import (
    addresses,
    cables,
    features,
    firewall,
    forwarding,
    ports,
    privileges,
    programs,
    stores,
)
from submariner_core.cli.checks.finding import Check

OF_THE_NODE: tuple[Check, ...] = (
    programs.nft,
    programs.iptables,
    privileges.capabilities,
    features.features,
    addresses.private_address,
    addresses.mtu,
    forwarding.ip_forward,
    forwarding.rp_filter,
    firewall.host_filter,
    firewall.other_filters,
    ports.udp_ports,
)
"""Checks that need no settings."""

OF_THE_SETTINGS: tuple[Check, ...] = (
    addresses.ranges,
    addresses.cni_address,
    cables.cables,
    stores.datastore,
    stores.broker,
    stores.lease,
)
