"""SAs and policies that a dead pluto left, among those of others."""

from __future__ import annotations

from submariner_libreswan.pluto import leftovers
from submariner_libreswan.pluto.leftovers import Leftover, _Ends

STATES = """\
src 172.31.0.2 dst 172.31.0.1
\tproto esp spi 0x616cb22a reqid 16389 mode tunnel
\treplay-window 0 flag af-unspec
\tif_id 0x1195
src 172.31.0.1 dst 172.31.0.2
\tproto esp spi 0x00000077 reqid 1 mode tunnel
src 172.31.0.1 dst 172.31.0.2
\tproto esp spi 0x00000078 reqid 16401 mode tunnel
src 172.31.0.1 dst 172.31.0.3
\tproto esp spi 0x9717015b reqid 16389 mode tunnel
\tif_id 0x1195
"""
POLICIES = """\
src 10.1.0.0/16 dst 10.2.0.0/16
\tdir out priority 1761505
\ttmpl src 172.31.0.1 dst 172.31.0.2
\t\tproto esp reqid 16389 mode tunnel
\tif_id 0x1195
src 0.0.0.0/0 dst 0.0.0.0/0
\tsocket out priority 0
src 10.1.0.0/16 dst 10.3.0.0/16
\tdir fwd priority 1761505
\ttmpl src 172.31.0.9 dst 172.31.0.2
\t\tproto esp reqid 2 mode tunnel
"""
PEER = _Ends("w", "172.31.0.1", "172.31.0.2", 0x1195)


def test_an_sa_is_ours_by_both_ends_and_its_interface():
    assert list(leftovers.states(STATES, [PEER])) == [
        Leftover("w", "state delete src 172.31.0.2 dst 172.31.0.1 proto esp spi 0x616cb22a")
    ]
    without = _Ends("w", "172.31.0.1", "172.31.0.2", 0)
    assert [one.words[-10:] for one in leftovers.states(STATES, [without])] == ["0x00000078"]


def test_a_client_may_have_been_anywhere():
    anywhere = _Ends("w", "172.31.0.1", "%any", 0x1195)
    assert len(list(leftovers.states(STATES, [anywhere]))) == 2
    assert not list(leftovers.states(STATES, [_Ends("w", "172.31.0.1", "%any", 0)]))


def test_a_policy_is_named_with_its_interface():
    assert list(leftovers.policies(POLICIES, [PEER])) == [
        Leftover("w", "policy delete src 10.1.0.0/16 dst 10.2.0.0/16 dir out if_id 4501")
    ]
