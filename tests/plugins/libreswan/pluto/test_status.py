"""What pluto prints, as values; the texts are those of Libreswan 4.10."""

from __future__ import annotations

from submariner_libreswan.pluto import status

LISTING = """\
006 #2: "submariner-cable-w-10-0-0-2-0-0", type=ESP, add_time=1795869216, inBytes=168, \
outBytes=252, maxBytes=2^63B, id='10.0.0.2'
006 #7: "submariner-cable-w-10-0-0-2-1-0"[3] 192.0.2.9, type=ESP, add_time=0, inBytes=0, \
outBytes=0, maxBytes=2^63B, id='@10.0.0.2-0-1'
006 #9: "theirs", type=ESP, add_time=1795869216, inBytes=1, outBytes=1, maxBytes=2^63B, id='x'
000
000 #1: "submariner-cable-w-10-0-0-2-0-0":4500 STATE_V2_ESTABLISHED_IKE_SA (established IKE SA); \
REKEY in 27745s; REPLACE in 28798s; newest; idle;
000 #2: "submariner-cable-w-10-0-0-2-0-0":4500 STATE_V2_ESTABLISHED_CHILD_SA (established Child \
SA); LIVENESS in 28s; REKEY in 28005s; newest; eroute owner; IKE SA #1; idle;
000 #2: "submariner-cable-w-10-0-0-2-0-0" esp.9717015b@10.0.0.2 esp.616cb22a@10.0.0.1 \
tun.0@10.0.0.2 tun.0@10.0.0.1 Traffic: ESPin=168B ESPout=252B ESPmax=2^63B
000 #7: "submariner-cable-w-10-0-0-2-1-0"[3] 192.0.2.9:61234 STATE_V2_ESTABLISHED_CHILD_SA \
(established Child SA); newest; eroute owner; IKE SA #6; idle;
000 #7: "submariner-cable-w-10-0-0-2-1-0"[3] 192.0.2.9 esp.3e3c@192.0.2.9 esp.ae66@10.0.0.1 \
tun.0@192.0.2.9 tun.0@10.0.0.1 Traffic: ESPin=0B ESPout=0B ESPmax=2^63B
000 #5: "submariner-cable-n-10-0-0-3-0-0":4500 STATE_V2_PARENT_I1 (sent IKE_SA_INIT request); \
RETRANSMIT in 0s; idle;
000 #5: pending CHILD SA for "submariner-cable-n-10-0-0-3-0-1"
000 #8: "theirs":4500 STATE_V2_PARENT_I1 (sent IKE_SA_INIT request); RETRANSMIT in 0s; idle;
000
"""
STATUS = """\
000 configdir=/etc, configfile=/etc/ipsec.conf, secrets=/etc/ipsec.secrets, ipsecdir=/etc/ipsec.d
000 nssdir=/var/lib/ipsec/nss, dumpdir=/run/pluto, statsbin=unset
000 Connection list:
000 "submariner-cable-w-10-0-0-2-0-0": 10.1.0.0/16===10.0.0.1:4500...10.0.0.2:4500; erouted;
000 "submariner-cable-w-10-0-0-2-0-0":     oriented; my_ip=unset; my_updown=<disabled>;
000 "submariner-cable-s-10-0-0-4-0-0"[1] 192.0.2.9: 10.1.0.0/16===10.0.0.1:4500...192.0.2.9;
000 "theirs": 10.0.0.1...10.0.0.200; unrouted; eroute owner: #0
"""


def test_children_are_read_with_their_octets_and_spi():
    first, second = status.listing(LISTING).children
    assert first.connection == "submariner-cable-w-10-0-0-2-0-0"
    assert (first.spi, first.rx_bytes, first.tx_bytes) == ("616cb22a", 168, 252)
    assert first.used == 1795869216
    assert second.connection == "submariner-cable-w-10-0-0-2-1-0"
    assert (second.spi, second.used) == ("ae66", 0)


def test_who_calls_is_told_from_who_stands():
    found = status.listing(LISTING)
    assert found.calling == {
        "submariner-cable-n-10-0-0-3-0-0",
        "submariner-cable-n-10-0-0-3-0-1",
    }


def test_connections_of_others_are_nothing_to_us():
    assert status.held(STATUS) == {
        "submariner-cable-w-10-0-0-2-0-0",
        "submariner-cable-s-10-0-0-4-0-0",
    }


def test_a_setting_is_found():
    assert status.setting(STATUS, "nssdir") == "/var/lib/ipsec/nss"
    assert status.setting(STATUS, "secrets") == "/etc/ipsec.secrets"
    assert status.setting(STATUS, "nothing") == ""


def test_other_words_are_no_listing():
    assert status.listing("whack: garbage\n\n000 #x\n").children == ()
