"""charon's own lines, as 5.9 writes them, in words for people."""

from __future__ import annotations

import pytest
from submariner_libreswan.strongswan.reasons import MEMORY, Line, Reasons

WEST = "submariner-cable-west-172-31-0-2"


@pytest.fixture
def reasons():
    return Reasons(offers="aes128-sha256-ecp256")


def _read(reasons, *texts, connection=WEST, sa="1"):
    told = [reasons.read(Line(sa, connection, text)) for text in texts]
    return told[-1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("received AUTHENTICATION_FAILED notify error", "is the PSK the same at both ends?"),
        (
            "tried 1 shared key for '172.31.0.2' - '172.31.0.1', but MAC mismatched",
            "proof does not fit our PSK",
        ),
        (
            "tried 2 shared keys for '172.31.0.2' - '172.31.0.1', but MAC mismatched",
            "proof does not fit our PSK",
        ),
        ("received NO_PROPOSAL_CHOSEN notify error", "this end offers (aes128-sha256-ecp256)"),
        (
            "received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built",
            "this end offers (aes128-sha256-ecp256)",
        ),
        (
            "received TS_UNACCEPTABLE notify, no CHILD_SA built",
            "the other end refuses the subnets",
        ),
        (
            "traffic selectors 10.99.0.0/16 === 10.1.0.0/16 unacceptable",
            "subnets 10.99.0.0/16 === 10.1.0.0/16 are not among those of this cable",
        ),
        ("giving up after 3 retransmits", "no answer after 4 tries: is its UDP port open?"),
        (
            "no trusted ECDSA public key found for '172.31.0.2'",
            "the certificate of '172.31.0.2' is not one that the ca signed",
        ),
        (
            "unable to install inbound and outbound IPsec SA (SAD) in kernel",
            "the kernel refuses the SA",
        ),
    ],
)
def test_a_line_that_tells_of_a_failure_is_said_in_words(reasons, line, words):
    blame = _read(reasons, line)
    assert blame.connection == WEST
    assert words in blame.reason


@pytest.mark.parametrize(
    "line",
    [
        "initiating IKE_SA submariner-cable-west-172-31-0-2[1] to 172.31.0.2",
        "selected proposal: IKE:AES_GCM_16_256/PRF_HMAC_SHA2_512/CURVE_25519",
        "remote host is behind NAT",
        "authentication of '172.31.0.2' with pre-shared key successful",
        "failed to establish CHILD_SA, keeping IKE_SA",
        "configured proposals: ESP:AES_GCM_16_256/ECP_384/NO_EXT_SEQ",
        "",
    ],
)
def test_other_lines_tell_nothing(reasons, line):
    assert _read(reasons, line) is None


def test_a_call_whose_owner_is_not_known_yet_is_told_by_its_address(reasons):
    blame = _read(
        reasons,
        "172.31.0.1 is initiating an IKE_SA",
        "received proposals: IKE:AES_GCM_16_128/PRF_HMAC_SHA2_256/ECP_256",
        "configured proposals: IKE:AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384",
        connection="",
    )
    assert (blame.connection, blame.source) == ("", "172.31.0.1")
    assert "the other end offers IKE:AES_GCM_16_128/PRF_HMAC_SHA2_256/ECP_256" in blame.reason
    assert "this end accepts IKE:AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384" in blame.reason


def test_calls_are_not_mixed_up(reasons):
    _read(reasons, "172.31.0.1 is initiating an IKE_SA", sa="1", connection="")
    _read(reasons, "172.31.0.3 is initiating an IKE_SA", sa="2", connection="")
    _read(reasons, "received proposals: IKE:A", sa="1", connection="")
    assert _read(reasons, "configured proposals: IKE:B", sa="2", connection="") is None
    blame = _read(reasons, "configured proposals: IKE:B", sa="1", connection="")
    assert blame.source == "172.31.0.1"


def test_what_the_other_end_says_that_it_offers_is_named_where_it_helps(reasons):
    blame = _read(reasons, "received NO_PROPOSAL_CHOSEN notify error")
    assert blame.said("aes256-sha384").endswith("it says that it offers aes256-sha384")
    assert "it says" not in blame.said("")
    assert "it says" not in _read(reasons, "giving up after 3 retransmits").said("aes256-sha384")


def test_memory_does_not_grow(reasons):
    for number in range(3 * MEMORY):
        _read(reasons, f"172.31.0.{number} is initiating an IKE_SA", sa=str(number))
    assert len(reasons._calls) <= MEMORY
