"""Ranges that this release leaves out."""

from __future__ import annotations

from ipaddress import ip_network

from submariner_core.cli.checks.ranges import unadvertised


def test_ranges_of_ipv6_are_named_and_others_are_not() -> None:
    four, six = ip_network("10.1.0.0/16"), ip_network("fd01::/48")
    assert unadvertised([four]) == ""
    assert unadvertised([four, six, ip_network("fd02::/112")]) == (
        "IPv6 is not end to end in this release: not advertised: fd01::/48, fd02::/112"
    )
