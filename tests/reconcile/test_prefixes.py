"""Overlaps between prefixes, against the plain definition."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.naming import IPNetwork
from submariner_core.reconcile.prefixes import Prefixes

fours = st.builds(
    lambda low, length: IPv4Network((0x0A000000 | low, length), strict=False),
    st.integers(0, 0xFFFF),
    st.integers(0, 32),
)
sixes = st.builds(
    lambda low, length: IPv6Network((low, length), strict=False),
    st.integers(0, 0xFFFF),
    st.integers(0, 128),
)
networks = fours | sixes


def test_a_prefix_overlaps_itself_what_contains_it_and_what_lies_in_it() -> None:
    prefixes = Prefixes()
    prefixes.add(ip_network("10.1.0.0/16"), "west")
    found = (ip_network("10.1.0.0/16"), "west")
    for text in ("10.1.0.0/16", "10.1.7.0/24", "10.0.0.0/8", "0.0.0.0/0"):
        assert prefixes.overlap(ip_network(text)) == found
    for text in ("10.2.0.0/16", "10.0.0.0/16", "::/0"):
        assert prefixes.overlap(ip_network(text)) is None


def test_a_prefix_stays_its_first_owners() -> None:
    prefixes = Prefixes()
    prefixes.add(ip_network("10.1.0.0/16"), "west")
    prefixes.add(ip_network("10.1.0.0/16"), "north")
    assert prefixes.overlap(ip_network("10.1.0.0/16")) == (ip_network("10.1.0.0/16"), "west")


@given(st.lists(networks, max_size=8), networks)
def test_an_overlap_is_found_exactly_if_there_is_one(
    held: list[IPNetwork], prefix: IPNetwork
) -> None:
    prefixes = Prefixes()
    for one in held:
        prefixes.add(one, str(one))
    real = {one for one in held if one.version == prefix.version and one.overlaps(prefix)}
    found = prefixes.overlap(prefix)
    assert (found is not None) == bool(real)
    assert found is None or (found[0] in real and found[1] == str(found[0]))
