"""The options say which store, and refuse what says nothing or too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from submariner_local import plugin
from submariner_local.options import LocalOptions

from submariner_core.api.info import Role


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "exactly one of path"),
        ({"path": "a.db", "url": "http://h:1", "token": "t"}, "exactly one of path"),
        ({"url": "http://h:1"}, "exactly one of token_file and token"),
        ({"url": "http://h:1", "token": "t", "token_file": "f"}, "exactly one of token_file"),
        ({"path": "a.db", "token": "t"}, "a path takes no token"),
        ({"url": "h:1", "token": "t"}, "expected http://HOST:PORT"),
        ({"url": "ftp://h:1", "token": "t"}, "expected http://HOST:PORT"),
        ({"url": "http://h:99999", "token": "t"}, "Port out of range"),
        ({"url": "http://me:pw@h:1", "token": "t"}, "expected http://HOST:PORT"),
        ({"path": "a.db", "timeout": 0}, "greater than 0"),
        ({"path": "a.db", "file": "b.db"}, "Extra inputs"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_the_reason(
    given: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        LocalOptions.model_validate(given)


def test_a_token_is_never_shown() -> None:
    assert "hush" not in repr(LocalOptions(url="http://h:1", token=SecretStr("hush")))


def test_a_lease_call_never_waits_longer_than_a_second() -> None:
    assert LocalOptions(path=Path("a"), timeout=5).lease_timeout == 1
    assert LocalOptions(path=Path("a"), timeout=0.5).lease_timeout == 0.5


def test_the_plugin_answers_for_its_own_name_only() -> None:
    info = plugin.submariner_plugin_info()
    assert info.provides == {Role.BROKER: ("local",), Role.ELECTION: ("local",)}
    options = LocalOptions(path=Path("a"))
    assert plugin.submariner_transport(name="etcd", options=options) is None
    assert plugin.submariner_lease_store(name="etcd", options=options, cluster_id="east") is None
