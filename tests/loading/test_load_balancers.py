"""Who may ask for a load balancer's address: settings whose datastore knows Services."""

from __future__ import annotations

from pathlib import Path

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.api.info import Role
from submariner_core.api.transport import NodeMarks
from submariner_core.config import judge, load_document
from submariner_core.config.node_marks import PUBLIC_IP, of_a_gateway
from submariner_core.loading import Loaded, load, load_from
from tests.loading.site import Site, whole

PARTS = ("cable", "election", "broker")
CONFIG = """\
cluster_id: east
plugins: {cable: [fake], election: fake, datastore: DATASTORE}
"""
KNOWS = ("Capability.STANDBY |", "Capability.LOAD_BALANCERS | Capability.STANDBY |")


@pytest.fixture
def file(site: Site, tmp_path: Path) -> Path:
    site.plugin(whole("fake"), roles=PARTS)
    site.plugin(whole("cloud").replace(*KNOWS), "cloud", roles=("broker",))
    return tmp_path / "node.yaml"


def loaded(file: Path, more: str, datastore: str = "fake", roles: tuple[Role, ...] = ()) -> Loaded:
    file.write_text(CONFIG.replace("DATASTORE", datastore) + more)
    return load_from(file, {}, roles=roles or None)


def test_a_datastore_that_knows_services_may_be_asked(file: Path) -> None:
    asked = loaded(file, 'public_ip: "lb:gateway"\n', "cloud").settings
    assert asked.own_public_ip == "lb:gateway"


@pytest.mark.parametrize("key", ["public_ip", "node_public_ip"])
def test_any_other_refuses_the_entry_at_its_place_and_says_what_to_do(
    file: Path, key: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(file, f'{key}: "ipv4:192.0.2.1, lb:gateway"\n')
    place = f"{file}:3:{len(key) + 3}: {key}: "
    assert str(caught.value) == (
        f"{place}'lb:gateway' asks for a Service, and the datastore 'fake' knows none; use the "
        "datastore 'k8s', or give ipv4:ADDRESS, dns:NAME or api:HOST/PATH"
    )


def test_an_entry_that_a_node_bears_is_refused_there(file: Path) -> None:
    loaded(file, "")
    document = of_a_gateway(
        load_document(file, {}), "east-1", NodeMarks({}, {PUBLIC_IP: "lb:gateway"})
    )
    with pytest.raises(ConfigError, match=f"^node east-1: annotation {PUBLIC_IP}: .*'lb:gateway'"):
        load(judge(document), document)


def test_whom_nobody_asks_and_who_runs_no_gateway_is_not_refused(file: Path) -> None:
    entry = 'public_ip: "lb:gateway"\n'
    assert loaded(file, f"{entry}air_gapped: true\n").settings.own_public_ip == ""
    assert loaded(file, entry, roles=(Role.BROKER,)).settings.public_ip == "lb:gateway"
