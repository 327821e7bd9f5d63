"""Options are judged by the plugin's own model, with the place at which they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.loading import Loaded, load_from
from tests.loading.site import Site, whole

PLUGINS = """\
cluster_id: east
plugins:
  cable: [fake, second]
  election: fake
  datastore: fake
options:
"""


@pytest.fixture(autouse=True)
def _plugins(site: Site) -> None:
    site.plugin(whole("fake"), roles=("cable", "election", "broker"))
    site.plugin(whole("second"), "second")


def loaded(folder: Path, options: str) -> Loaded:
    path = folder / "gateway.yaml"
    path.write_text(PLUGINS + options)
    return load_from(path, {})


def refusal(folder: Path, options: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, options)
    return str(caught.value).replace(str(folder), "")


def test_a_bad_option_is_shown_with_line_and_column(tmp_path: Path) -> None:
    message = refusal(tmp_path, "  second: {port: 4600}\n  fake: {port: 70000}\n")
    assert message == "/gateway.yaml:8:16: options.fake.port: must be <= 65535"


def test_an_unknown_option_is_shown_at_its_key_with_what_was_meant(tmp_path: Path) -> None:
    message = refusal(tmp_path, "  second:\n    prot: 4600\n")
    assert message == "/gateway.yaml:8:5: options.second.prot: unknown key; did you mean 'port'?"


def test_options_of_a_role_are_keyed_by_the_role(tmp_path: Path) -> None:
    message = refusal(tmp_path, "  second: {port: 4600}\n  election: {port: none}\n")
    assert message == "/gateway.yaml:8:20: options.election.port: must be a whole number"


def test_options_that_belong_to_nobody_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, "  secnd: {port: 4600}\n  broker: {}\n")
    stray = "belongs to no plugin that is named in plugins"
    assert message.splitlines() == [
        f"/gateway.yaml:7:3: options.secnd: {stray}; did you mean 'second'?",
        f"/gateway.yaml:8:3: options.broker: {stray}; known: datastore, election, fake, second",
    ]


def test_equal_ports_of_two_drivers_are_refused_where_one_was_chosen(tmp_path: Path) -> None:
    message = refusal(tmp_path, "  second: {port: 4501}\n")  # the first takes 4500 and 4501
    assert message == (
        "/gateway.yaml:7:18: options.second.port: second would listen on UDP 4501-4502, "
        "but fake has 4501; choose another port"
    )


def test_equal_default_ports_are_refused_where_the_driver_is_named(tmp_path: Path) -> None:
    message = refusal(tmp_path, "")
    assert message.startswith("/gateway.yaml:3:17: plugins.cable[1]: second would listen on UDP")


@pytest.mark.parametrize(("port", "owner"), [(4490, "NAT discovery"), (4800, "the node overlay")])
def test_ports_of_the_core_are_refused(tmp_path: Path, port: int, owner: str) -> None:
    assert f"but {owner} has {port}" in refusal(tmp_path, f"  second: {{port: {port}}}\n")


def test_ports_that_differ_are_listed(tmp_path: Path) -> None:
    assert loaded(tmp_path, "  second: {port: 4520}\n").cable_ports() == (4500, 4501, 4520, 4521)
