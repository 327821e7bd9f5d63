"""strongSwan's words for proposals, in Libreswan's."""

from __future__ import annotations

import subprocess

import pytest
from submariner_libreswan.options import ESP, IKE
from submariner_libreswan.pluto.proposals import offer, without_groups

from submariner_core.api.errors import CableError
from tests.plugins import ipsec


def test_the_default_is_aes_gcm_with_forward_secrecy():
    found = offer(IKE, ESP)
    groups = "dh31+dh20+dh19+dh15+dh14"
    assert found.ike == f"aes_gcm_16_256+aes_gcm_16_128-sha2_512+sha2_256-{groups}"
    assert found.esp == f"aes_gcm_16_256+aes_gcm_16_128-none-{groups}"
    assert found.pfs


def test_ciphers_with_an_integrity_algorithm_stand_apart_from_those_without():
    found = offer(
        ["aes256gcm16-aes256-sha256-prfsha256-ecp256"], ["aes128gcm128-aes128-sha1-modp2048"]
    )
    assert found.ike == "aes_gcm_16_256-sha2_256-dh19,aes256-sha2_256-dh19"
    assert found.esp == "aes_gcm_16_128-none-dh14,aes128-sha1-dh14"


def test_the_best_comes_first():
    assert offer((), ("aes256gcm16", "aes128-sha256")).esp == (
        "aes_gcm_16_256-none,aes128-sha2_256"
    )


def test_without_a_group_there_is_no_forward_secrecy():
    assert offer((), ("aes256gcm16-noesn",)).pfs is False
    assert offer((), ()).pfs is True


def test_default_leaves_it_to_pluto():
    assert offer(("default",), ("default",)) == offer((), ())


def test_groups_are_left_out_for_who_knows_none():
    found = without_groups(("aes256gcm16-x25519-ecp384", "aes128-sha256-modp2048"))
    assert found.esp == "aes_gcm_16_256-none,aes128-sha2_256"
    assert not found.pfs


@pytest.mark.parametrize(
    ("ike", "said"),
    [
        ("aes256gcm16-prfsha512-x448", "'x448' is nothing that Libreswan has"),
        ("aes256gcm16-prfsha512-ecp256bp", "'ecp256bp'"),
        ("aes256gcm16-prfsha512", "needs a PRF and a group"),
        ("aes256gcm16-ecp256", "needs a PRF and a group"),
        ("aes256-sha256-prfsha512-ecp256", "takes the PRF from the integrity algorithm"),
        ("prfsha512-ecp256", "no cipher is in it"),
        ("", "''"),
        ("aes256 --esp x", "'aes256 "),
    ],
)
def test_what_cannot_be_said_is_named(ike, said):
    with pytest.raises(CableError, match=said) as raised:
        offer((ike,), ())
    assert f"ike_proposals: {ike!r}" in str(raised.value)


def test_an_esp_cipher_without_integrity_is_named():
    with pytest.raises(CableError, match="aes256 needs an integrity algorithm"):
        offer((), ("aes256-ecp256",))
    with pytest.raises(CableError, match="esn is not offered"):
        offer((), ("aes256gcm16-esn",))


@ipsec.needs_pluto
@pytest.mark.parametrize(
    ("ike", "esp"),
    [
        (IKE, ESP),
        (("aes256-sha1-modp1536", "chacha20poly1305-prfsha384-ecp521"), ("3des-sha1",)),
        (("aes128ctr-sha256-modp8192", "camellia256-sha512-modp4096"), ("null-sha384-none",)),
        (("aes128gcm8-prfsha1-x25519",), ("aes256ccm12-modp6144", "aes192-aesxcbc-modp3072")),
    ],
)
def test_libreswan_understands_each_word(ike, esp):
    found = offer(ike, esp)
    for line in (f"ike={found.ike}", f"esp={found.esp}"):
        subprocess.run(
            [*ipsec.PREFIX, "/usr/libexec/ipsec/algparse", "-v2", line],
            check=True,
            capture_output=True,
            timeout=20,
        )
