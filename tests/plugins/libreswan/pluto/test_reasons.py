"""Pluto's log lines in words for people; the lines are those of Libreswan 4.10."""

from __future__ import annotations

import pytest
from submariner_libreswan.pluto import reasons
from submariner_libreswan.pluto.complaints import Complaints
from submariner_libreswan.pluto.tail import Tail

NAME = "submariner-cable-w-172-31-0-2-0-0"
OFFERS = reasons.Offers("aes256gcm16-prfsha512-ecp384", "aes256gcm16-x25519")


def _read(text, mark=" #4", instance=""):
    return reasons.read(f'Nov 28 12:37:43.666312: "{NAME}"{instance}{mark}: {text}', OFFERS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("IKE SA authentication request rejected by peer: AUTHENTICATION_FAILED", "is the PSK"),
        (
            "authentication failed: computed hash does not match hash received from peer x",
            "does not fit our PSK",
        ),
        (
            "dropping unexpected IKE_SA_INIT message containing NO_PROPOSAL_CHOSEN notification",
            "none of the IKE proposals that this end offers (aes256gcm16-prfsha512-ecp384)",
        ),
        (
            "IKE_AUTH response rejected Child SA with NO_PROPOSAL_CHOSEN",
            "none of the ESP proposals that this end offers (aes256gcm16-x25519)",
        ),
        (
            "CREATE_CHILD_SA failed with error notification NO_PROPOSAL_CHOSEN",
            "none of the ESP proposals",
        ),
        (
            "no local proposal matches remote proposals 1:ESP:ENCR=AES_CBC_128;ESN=DISABLED",
            "offers 1:ESP:ENCR=AES_CBC_128;ESN=DISABLED; this end accepts aes256gcm16-x25519",
        ),
        ("IKE_AUTH response rejected Child SA with TS_UNACCEPTABLE", "refuses subnets {pair}"),
        (
            "STATE_V2_PARENT_I1: 15 second timeout exceeded after 5 retransmits.  No response (or",
            "no answer after 6 tries: is its UDP port open?",
        ),
        (
            "STATE_V2_PARENT_I1: retransmission; will wait 4 seconds for response",
            "no answer to several tries yet",
        ),
        (
            "netlink response for Add SA esp.1@172.31.0.2: Function not implemented (errno 38)",
            "the kernel refuses the SA (Function not implemented)",
        ),
        ('cannot route -- route already in use for "theirs"', "policies of theirs"),
        (
            "we cannot identify ourselves with either end of this connection.  172.31.0.1 or",
            "pluto has no socket at {local}",
        ),
    ],
)
def test_a_failure_is_told_with_its_remedy(text, said):
    blame = _read(text)
    assert blame.connection == NAME
    assert said in blame.reason
    assert _read(text, instance="[2] 172.31.0.1").connection == NAME


def test_a_line_without_a_failure_names_its_connection_only():
    blame = _read("initiating IKEv2 connection")
    assert (blame.connection, blame.reason) == (NAME, "")
    assert not _read("STATE_V2_PARENT_I1: retransmission; will wait 1 seconds for response").reason


def test_lines_of_others_say_nothing():
    assert reasons.read('Nov 28 12:00:00: "theirs" #1: AUTHENTICATION_FAILED', OFFERS) is None
    assert reasons.read("packet from 172.31.0.1:4500: something", OFFERS) is None
    assert reasons.read("", OFFERS) is None


@pytest.fixture
def log(tmp_path):
    return tmp_path / "pluto.log"


def _say(log, text, name=NAME):
    with log.open("a") as file:
        file.write(f'Nov 28 12:37:43.666312: "{name}" #4: {text}\n')


def test_what_says_more_stays_until_the_next_that_does(log, tunnel):
    told = Complaints(Tail(log, ours=True))
    assert not told.hear()  # there is no log yet
    _say(log, "dropping unexpected IKE_SA_INIT message containing NO_PROPOSAL_CHOSEN notification")
    _say(log, "STATE_V2_PARENT_I1: 15 second timeout exceeded after 5 retransmits.  No response")
    assert told.hear()
    assert not told.hear()
    assert "none of the IKE proposals" in told.of(None, [NAME])
    _say(log, "IKE SA authentication request rejected by peer: AUTHENTICATION_FAILED")
    assert told.hear()
    assert "AUTHENTICATION_FAILED" in told.of(None, [NAME])
    assert set(told.refusals()) == {"submariner-cable-w-172-31-0-2"}
    assert not told.refusals()
    told.settle([NAME])
    assert told.of(None, [NAME]) == ""


def test_a_refusal_of_subnets_names_them(log, tunnel):
    one = tunnel(name="submariner-cable-w-172-31-0-2")
    told = Complaints(Tail(log, ours=True))
    _say(log, "IKE_AUTH response rejected Child SA with TS_UNACCEPTABLE")
    told.hear()
    assert "subnets 10.1.0.0/16 = 10.2.0.0/16" in told.of(one, [NAME])


def test_what_the_other_end_says_that_it_offers_is_told(log, tunnel):
    one = tunnel(name="submariner-cable-w-172-31-0-2", offers="aes128-sha256-modp3072")
    told = Complaints(Tail(log, ours=True))
    _say(log, "IKE_AUTH response rejected Child SA with NO_PROPOSAL_CHOSEN")
    told.hear()
    assert "says that it offers aes128-sha256-modp3072" in told.of(one, [NAME])


def test_a_log_is_followed_when_it_is_emptied_or_replaced(log):
    tail = Tail(log, ours=False)
    log.write_text("one\ntw")
    assert list(tail.lines()) == ["one"]
    with log.open("a") as file:
        file.write("o\n")
    assert list(tail.lines()) == ["two"]
    log.write_text("3\n")
    assert list(tail.lines()) == ["3"]
    log.unlink()
    assert list(tail.lines()) == []
    log.write_text("another file\n")
    assert tail.grown()
    assert list(tail.lines()) == ["another file"]


def test_of_an_old_log_only_the_end_is_read(log):
    log.write_text("old\n" * 100_000 + "new\n")
    lines = list(Tail(log, ours=False).lines())
    assert lines[-1] == "new"
    assert len(lines) < 20_000


def test_a_log_of_ours_begins_anew_before_it_fills_the_disk(log, monkeypatch):
    monkeypatch.setattr("submariner_libreswan.pluto.tail._MOST", 100)
    tail = Tail(log, ours=True)
    log.write_text("x" * 200 + "\n")
    assert len(list(tail.lines())) == 1
    assert log.stat().st_size == 0
    with log.open("a") as file:
        file.write("next\n")
    assert list(tail.lines()) == ["next"]
