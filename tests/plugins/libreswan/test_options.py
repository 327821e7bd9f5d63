"""What a user may set; bad input says what to do."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import SecretStr, ValidationError
from submariner_libreswan.options import FIRST_PORT, OTHER_PORT, LibreswanOptions
from submariner_libreswan.plane import Plane

from submariner_core.api.errors import CableError
from tests.plugins.libreswan.site import make_endpoint

SECRET = "the secret of this cluster set"


def test_defaults_need_nothing_but_a_psk():
    options = LibreswanOptions(psk=SECRET)
    assert (options.daemon, options.manage_daemon, options.plane()) == ("auto", True, None)
    assert options.configured_psk().reveal() == SECRET
    assert options.configured_certificate() is None
    assert options.udp_ports(0) == range(FIRST_PORT, FIRST_PORT + 1)
    assert options.udp_ports(1) == range(OTHER_PORT, OTHER_PORT + 1)
    assert LibreswanOptions(psk=SECRET, port=77).udp_ports(1) == range(77, 78)
    assert LibreswanOptions(psk=SECRET, data_plane="userspace").plane() is Plane.USERSPACE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "set psk or psk_file to the secret of the cluster set"),
        ({"psk": ""}, "set psk or psk_file"),
        ({"psk": SECRET, "certificate": "/c"}, "set all three"),
        ({"certificate": "/c", "private_key": "/k"}, "set all three"),
        (
            {"psk": SECRET, "certificate": "/c", "private_key": "/k", "ca": "/a"},
            "either a PSK or a certificate, not both",
        ),
        (
            {"psk_file": "/p", "certificate": "/c", "private_key": "/k", "ca": "/a"},
            "either a PSK or a certificate, not both",
        ),
        ({"psk": f'{SECRET}"'}, "holds a quote or a line break"),
        ({"psk": f"{SECRET}\n: RSA x"}, "holds a quote or a line break"),
        ({"psk": SECRET, "port": 0}, "greater than or equal to 1"),
        ({"psk": SECRET, "port": 65536}, "less than or equal to 65535"),
        ({"psk": SECRET, "daemon": "racoon"}, "'auto', 'strongswan' or 'libreswan'"),
        ({"psk": SECRET, "data_plane": "fast"}, "'interfaces', 'policies' or 'userspace'"),
        ({"psk": SECRET, "ike_proposals": ()}, "at least 1 item"),
        ({"psk": SECRET, "ike_proposals": ("aes 128",)}, "aes256gcm16-prfsha384-ecp384"),
        ({"psk": SECRET, "esp_proposals": ("aes128\n}",)}, "aes256gcm16-prfsha384-ecp384"),
        ({"psk": SECRET, "esp_proposals": ("",)}, "aes256gcm16-prfsha384-ecp384"),
        ({"psk": SECRET, "dpd_delay": -1}, "greater than or equal to 0"),
        ({"psk": SECRET, "log_file": '/var/log/a"b'}, "absolute path without quotes"),
        ({"psk": SECRET, "log_file": "log"}, "absolute path without quotes"),
        ({"psk": SECRET, "no_such": 1}, "no_such"),
    ],
)
def test_bad_input_says_what_to_do_and_keeps_the_secret(given, words):
    with pytest.raises(ValidationError, match=words) as caught:
        LibreswanOptions(**given)
    errors = caught.value.errors(include_input=False, include_url=False)
    assert SECRET not in str([error["msg"] for error in errors])


def test_a_secret_is_in_no_text_of_the_options():
    options = LibreswanOptions(psk=SecretStr(SECRET))
    for text in (
        repr(options),
        str(options),
        str(options.model_dump()),
        options.model_dump_json(),
    ):
        assert SECRET not in text
    assert SECRET not in repr(options.configured_psk())


def test_a_file_of_the_psk_wins_and_is_named_where_it_cannot_be_read(tmp_path):
    options = LibreswanOptions(psk=SECRET, psk_file=tmp_path / "psk")
    with pytest.raises(CableError, match=r"options.libreswan.psk_file: .*cannot be read"):
        options.configured_psk()
    (tmp_path / "psk").write_bytes(b"secret")
    assert options.configured_psk().reveal() == "c2VjcmV0"


@pytest.mark.parametrize(
    ("set_to", "balanced", "server"),
    [(None, False, False), (None, True, True), (False, True, False), (True, False, True)],
)
def test_behind_a_load_balancer_others_call_unless_it_is_set(set_to, balanced, server):
    own = make_endpoint("east", "172.31.0.1", "10.1.0.0/16")
    if balanced:
        own = dataclasses.replace(own, backend_config={"using-loadbalancer": "true"})
    assert LibreswanOptions(psk=SECRET, preferred_server=set_to).is_server(own) is server
