from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

from submariner_lab.view import View
from submariner_lab.watcher import document

from submariner_core.api.codec import encode
from submariner_core.api.model import (
    Endpoint,
    Gateway,
    GatewayObject,
    HAStatus,
    Metadata,
)  # fmt: skip


def gateway(name: str, status: HAStatus, epoch: int) -> dict[str, object]:
    endpoint = Endpoint(
        cluster_id="east", cable_name="submariner-cable-east-172-31-1-1", hostname=name,
        subnets=(), private_ip=IPv4Address("172.31.1.1"), public_ip=None, nat_enabled=False,
        backend="vxlan",
    )  # fmt: skip
    value = Gateway(version="1", ha_status=status, local_endpoint=endpoint, epoch=epoch)
    return document(encode(GatewayObject(Metadata(name), value)))


def write(path: Path, *events: dict[str, object]) -> None:
    with path.open("a") as file:
        for event in events:
            file.write(json.dumps({"store": "s", **event}) + "\n")


def test_the_active_gateway_is_the_one_of_the_highest_epoch(tmp_path: Path) -> None:
    path = tmp_path / "out"
    view = View(path)
    assert view.active("s") is None
    write(path, {"reset": True}, {"put": gateway("one", HAStatus.ACTIVE, 1)})
    active = view.active("s")
    assert active is not None
    assert active.status.local_endpoint.hostname == "one"
    write(path, {"put": gateway("two", HAStatus.ACTIVE, 2)})
    active = view.active("s")
    assert active is not None
    assert active.status.local_endpoint.hostname == "two"
    assert len(view.gateways("s")) == 2


def test_a_reset_and_a_deletion_forget(tmp_path: Path) -> None:
    path = tmp_path / "out"
    view = View(path)
    write(path, {"put": gateway("one", HAStatus.ACTIVE, 1)})
    write(path, {"deleted": {"kind": "Gateway", "name": "one"}})
    assert view.objects("s") == ()
    write(path, {"put": gateway("one", HAStatus.ACTIVE, 1)}, {"reset": True})
    assert view.objects("s") == ()


def test_an_unreachable_store_keeps_its_objects_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "out"
    view = View(path)
    write(path, {"put": gateway("one", HAStatus.ACTIVE, 1)}, {"away": "refused"})
    assert view.away("s") == "refused"
    assert len(view.objects("s")) == 1
    write(path, {"reset": True})
    assert view.away("s") is None


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "out"
    view = View(path)
    line = json.dumps({"store": "s", "put": gateway("one", HAStatus.ACTIVE, 1)})
    path.write_text(line)
    assert view.objects("s") == ()
    with path.open("a") as file:
        file.write("\n")
    assert len(view.objects("s")) == 1


def test_a_malformed_record_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "out"
    view = View(path)
    broken = gateway("bad", HAStatus.ACTIVE, 1) | {"body": {"status": 7}}
    write(path, {"put": broken}, {"put": gateway("one", HAStatus.PASSIVE, 1)})
    assert len(view.objects("s")) == 1
    assert "bad" in str(view.malformed[0])
