"""``submariner forget`` on stores that are files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from submariner_core.api.model import ConnectionStatus
from submariner_core.api.transport import Kind, Record, Ref
from tests.cli.conftest import Run
from tests.cli.stores import Stores, cluster, gateway_connected_to

WEST = ["Cluster west", "Endpoint west-submariner-cable-west-192-0-2-2"]
EAST = ["Cluster east", "Endpoint east-submariner-cable-east-192-0-2-1"]
NORTH = ["Cluster north", "Endpoint north-submariner-cable-north-192-0-2-3"]
GATEWAY = ["Gateway east-gw1"]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = Stores(tmp_path)
    copies = [*cluster("west", 2, "west"), *cluster("north", 3, "north")]
    made.put("datastore", *cluster("east", 1, None), *copies)
    made.put("broker", *cluster("east", 1, "east"), *copies)
    return made


def connect(stores: Stores, status: ConnectionStatus) -> None:
    stores.put("datastore", gateway_connected_to("west", 2, status))


def test_a_departed_cluster_goes_from_both_stores(stores: Stores, run: Run) -> None:
    connect(stores, ConnectionStatus.ERROR)
    result = run("forget", "west", "--config", stores.path)
    assert result.exit_code == 0, result.output
    assert stores.names("broker") == sorted([*EAST, *NORTH])
    assert stores.names("datastore") == sorted([*EAST, *NORTH, *GATEWAY])


def test_it_says_what_it_removed_the_broker_first(stores: Stores, run: Run) -> None:
    rows = json.loads(run("forget", "west", "--config", stores.path, "-o", "json").stdout)
    assert [(row["store"], row["removed"]) for row in rows] == [
        (store, name) for store in ("broker", "datastore") for name in reversed(WEST)
    ]


def test_a_cluster_with_a_connected_cable_is_not_forgotten(stores: Stores, run: Run) -> None:
    connect(stores, ConnectionStatus.CONNECTED)
    result = run("forget", "west", "--config", stores.path)
    assert result.exit_code == 1
    assert "east-gw1 is connected to west-gw2 (192.0.2.2)" in result.stderr
    assert set(WEST) <= set(stores.names("broker"))
    assert run("forget", "west", "--config", stores.path, "--force").exit_code == 0
    assert not set(WEST) & set(stores.names("datastore"))


def test_the_own_cluster_is_forgotten_by_force_only(stores: Stores, run: Run) -> None:
    result = run("forget", "east", "--config", stores.path)
    assert result.exit_code == 1
    assert "submariner cleanup --uninstall" in result.stderr
    assert run("forget", "east", "--config", stores.path, "--force").exit_code == 0
    assert stores.names("broker") == sorted([*WEST, *NORTH])


def test_an_unknown_cluster_names_the_known_ones(stores: Stores, run: Run) -> None:
    result = run("forget", "wets", "--config", stores.path)
    assert result.exit_code == 1
    assert "'wets'; did you mean 'west'? known: east, north, west" in result.stderr


def test_a_record_that_cannot_be_read_is_forgotten_by_its_name(stores: Stores, run: Run) -> None:
    ref = Ref(Kind.ENDPOINT, "west-submariner-cable-west-192-0-2-9")
    stores.put("broker", Record(ref, {"spec": {"cluster_id": 7}}))
    assert str(ref) in stores.names("broker")
    assert run("forget", "west", "--config", stores.path).exit_code == 0
    assert stores.names("broker") == sorted([*EAST, *NORTH])


def test_nothing_is_removed_while_a_store_is_away(
    stores: Stores, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "broker.db").write_bytes(b"not a database, whatever its name says" * 100)
    result = run("forget", "west", "--config", stores.path)
    assert result.exit_code == 1
    assert str(tmp_path / "broker.db") in result.stderr
    assert set(WEST) <= set(stores.names("datastore"))
