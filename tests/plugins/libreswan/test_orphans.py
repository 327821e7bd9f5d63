"""What ``ip xfrm`` prints of SAs and policies that a charon left; others' stay."""

from __future__ import annotations

from submariner_libreswan.strongswan.orphans import policies, states

STATES = """\
src 172.31.0.1 dst 172.31.0.2
\tproto esp spi 0xc0ffee01 reqid 1 mode tunnel
\treplay-window 0 flag af-unspec
\taead rfc4106(gcm(aes)) 0x00 128
\tif_id 0x1194
src 172.31.0.2 dst 172.31.0.1
\tproto esp spi 0xc0ffee02 reqid 1 mode tunnel
\tif_id 0x1195
src 172.31.0.2 dst 172.31.0.1
\tproto esp spi 0xc0ffee03 reqid 7 mode tunnel
\taead rfc4106(gcm(aes)) 0x00 128
src 172.31.0.2 dst 172.31.0.1
\tproto esp spi 0xc0ffee04 reqid 7 mode tunnel
\tif_id 0x2a
"""
POLICIES = """\
src 10.1.0.0/16 dst 10.2.0.0/16
\tdir out priority 379519
\ttmpl src 172.31.0.1 dst 172.31.0.2
\t\tproto esp spi 0xc0ffee01 reqid 1 mode tunnel
\tif_id 0x1194
src 10.2.0.0/16 dst 10.1.0.0/16
\tdir fwd priority 379519
\ttmpl src 172.31.0.2 dst 172.31.0.1
\t\tproto esp reqid 1 mode tunnel
src 0.0.0.0/0 dst 0.0.0.0/0
\tsocket in priority 0
"""


def test_sas_of_our_interfaces_are_told_from_others():
    assert [(one.if_id, one.words) for one in states(STATES)] == [
        (4500, "state delete src 172.31.0.1 dst 172.31.0.2 proto esp spi 0xc0ffee01"),
        (4501, "state delete src 172.31.0.2 dst 172.31.0.1 proto esp spi 0xc0ffee02"),
    ]
    assert {one.ends for one in states(STATES)} == {frozenset({"172.31.0.1", "172.31.0.2"})}


def test_policies_of_our_interfaces_are_told_from_others():
    assert [one.words for one in policies(POLICIES)] == [
        "policy delete src 10.1.0.0/16 dst 10.2.0.0/16 dir out if_id 4500"
    ]


def test_nothing_is_nothing():
    assert [*states(""), *policies("")] == []
