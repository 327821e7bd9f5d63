"""Options say which etcd and who asks, and refuse what says nothing or too much."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from submariner_etcd import plugin
from submariner_etcd.options import EtcdOptions

from submariner_core.api.info import Role

TLS = {"endpoints": ["https://h:1"]}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "endpoints\n  Field required"),
        ({"endpoints": []}, "at least 1 item"),
        ({"endpoints": ["h:1"]}, "expected https://HOST:PORT, not 'h:1'"),
        ({"endpoints": ["http://h:99999"]}, "Port out of range"),
        ({"endpoints": ["http://me:pw@h:1"]}, "expected https://HOST:PORT"),
        ({"endpoints": ["http://h:1", "https://i:1"]}, "all endpoints are https or none"),
        ({**TLS, "cert_file": "c"}, "cert_file and key_file belong together"),
        ({**TLS, "username": "u"}, "username and password_file belong together"),
        ({"endpoints": ["http://h:1"], "ca_file": "c"}, "for https endpoints"),
        ({**TLS, "prefix": "submariner"}, "String should match"),
        ({**TLS, "prefix": "/submariner/"}, "String should match"),
        ({**TLS, "timeout": 0}, "greater than 0"),
        ({**TLS, "password": "p"}, "Extra inputs"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_the_reason(
    given: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        EtcdOptions.model_validate(given)


def test_a_lease_call_is_short() -> None:
    options = EtcdOptions(endpoints=("https://h:1/",), timeout=0.5)
    assert (options.endpoints, options.lease_timeout) == (("https://h:1",), 0.5)
    assert EtcdOptions(endpoints=("https://h:1",)).lease_timeout == 1.0


def test_it_is_a_datastore_a_broker_and_an_election() -> None:
    info = plugin.submariner_plugin_info()
    assert info.provides == {Role.BROKER: ("etcd",), Role.ELECTION: ("etcd",)}
    options = EtcdOptions(endpoints=("https://h:1",))
    assert plugin.submariner_transport("other", options) is None
    assert plugin.submariner_lease_store("other", options, "east") is None
