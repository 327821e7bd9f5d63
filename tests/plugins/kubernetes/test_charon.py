"""Gateways with IPsec cables: charon in pods of its own, and what the gateway knows of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import vici
from ruamel.yaml import YAML
from submariner_kubernetes.deployment.kustomization import kustomized
from submariner_kubernetes.deployment.objects import CHARON
from submariner_libreswan.options import LibreswanOptions
from submariner_libreswan.plane import Plane
from submariner_libreswan.strongswan.files import configuration

from submariner_core.loading import load_from
from tests.conftest import Namespaces
from tests.plugins.ipsec import PREFIX, needs_charon
from tests.plugins.kubernetes.manifests import DEPLOY

EAST = ("--cluster-id", "east", "--cluster-cidr", "10.1.0.0/16", "--service-cidr", "100.1.0.0/16")
LIBRESWAN = ("--cable", "libreswan")
Found = dict[tuple[str, str], Any]


def by_name(objects: list[Any]) -> Found:
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


@pytest.fixture
def overlay() -> Found:
    return by_name(kustomized(DEPLOY / "overlays" / "libreswan"))


def pod(found: Found, name: str) -> Any:
    return found["DaemonSet", name]["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("name", "plane"), [("kernel", Plane.INTERFACES), ("userspace", Plane.USERSPACE)]
)
def test_charon_is_set_up_as_a_gateway_would_set_up_its_own(
    overlay: Found, name: str, plane: Plane
) -> None:
    made = configuration(4500, plane, Path(CHARON), Path("/dev/stdout"), debug=False)
    found = overlay["ConfigMap", "submariner-charon"]["data"][f"{name}.conf"]
    assert found == made, "run deploy/components/libreswan/generate.py"


def test_charon_outlives_every_update_of_the_gateway(overlay: Found) -> None:
    assert overlay["DaemonSet", "submariner-charon"]["spec"]["updateStrategy"] == {
        "type": "OnDelete"
    }
    charon, gateway = (pod(overlay, f"submariner-{name}") for name in ("charon", "gateway"))
    assert charon["hostNetwork"] is True
    assert charon["nodeSelector"] == gateway["nodeSelector"]
    folder = str(Path(CHARON).parent)
    for one in (charon, gateway):
        (name,) = (
            v["name"] for v in one["volumes"] if v.get("hostPath", {}).get("path") == folder
        )
        (container,) = one["containers"]
        assert {"name": name, "mountPath": folder} in container["volumeMounts"]


def test_the_psk_is_where_the_gateway_is_told_and_for_its_eyes_only(overlay: Found) -> None:
    gateway = pod(overlay, "submariner-gateway")
    (volume,) = (v for v in gateway["volumes"] if v["name"] == "submariner-ipsec-psk")
    assert volume["secret"]["defaultMode"] == 0o400
    (mount,) = (m for m in gateway["containers"][0]["volumeMounts"] if m["name"] == volume["name"])
    told = YAML(typ="safe").load(overlay["ConfigMap", "submariner"]["data"]["node.yaml"])
    assert told["plugins"]["cable"] == ["libreswan"]
    options = LibreswanOptions.model_validate(told["options"]["libreswan"])
    assert str(options.psk_file) == f"{mount['mountPath']}/psk"
    assert (str(options.vici_socket), options.manage_daemon) == (CHARON, False)


def test_in_user_space_charon_has_its_other_settings_and_the_tun_device() -> None:
    objects = kustomized(DEPLOY / "overlays" / "libreswan")
    kustomized(DEPLOY / "components" / "libreswan-userspace", objects)
    (container,) = pod(by_name(objects), "submariner-charon")["containers"]
    assert container["securityContext"]["privileged"] is True
    assert container["command"][:3] == [
        "setpriv",
        "--no-new-privs",
        "--bounding-set=-all,+net_admin",
    ]
    assert container["env"][0]["value"].endswith("/userspace.conf")


@needs_charon
@pytest.mark.netns
async def test_the_pods_one_capability_and_its_command_are_enough_for_charon(
    overlay: Found, netns_factory: Namespaces, tmp_path: Path
) -> None:
    (container,) = pod(overlay, "submariner-charon")["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    text = overlay["ConfigMap", "submariner-charon"]["data"]["kernel.conf"]
    path = tmp_path / "charon.vici"
    (tmp_path / "kernel.conf").write_text(text.replace(CHARON, str(path)))
    namespace = netns_factory.create("charon")
    bare = ("setpriv", "--bounding-set", "-all,+net_admin", "--inh-caps", "-all,+net_admin")
    environ = ("env", f"STRONGSWAN_CONF={tmp_path}/kernel.conf")
    netns_factory.start(namespace, [*PREFIX, *bare, *environ, *container["command"]])
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(path.is_socket):  # noqa: ASYNC110 - another's file
            await asyncio.sleep(0.01)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        assert vici.Session(connection).version()["daemon"] == b"charon-systemd"
    assert ":4500" in netns_factory.run(namespace, "ss -Hlun")


@pytest.mark.kube
def test_a_cluster_joins_with_libreswan_cables(
    fresh_plane: Any, submariner: Callable[..., str], broker_info: Path, tmp_path: Path
) -> None:
    told = submariner(
        fresh_plane, "join", broker_info, *EAST, *LIBRESWAN, "--image", "registry.example/us:1",
        "--dry-run", "-o", "yaml",
    )  # fmt: skip
    found = by_name(list(YAML(typ="safe").load_all(told)))
    path = "/apis/apps/v1/namespaces/default/daemonsets"
    for name in ("submariner-gateway", "submariner-charon"):
        one = found["DaemonSet", name]
        assert one["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/us:1"
        one["metadata"]["namespace"] = "default"
        fresh_plane.admin.call("POST", f"{path}?fieldValidation=Strict&dryRun=All", one)

    file = tmp_path / "node.yaml"
    file.write_text(found["ConfigMap", "submariner"]["data"]["node.yaml"])
    loaded = load_from(file, {})
    assert loaded.cable_ports() == (4500,)
    options = LibreswanOptions.model_validate(loaded.settings.options["libreswan"])
    assert not options.manage_daemon
    assert str(options.vici_socket) == CHARON
    mounts = pod(found, "submariner-gateway")["containers"][0]["volumeMounts"]
    assert str(options.psk_file.parent) in {mount["mountPath"] for mount in mounts}


@pytest.mark.kube
def test_libreswan_cables_come_first_since_their_charon_has_the_first_port(
    fresh_plane: Any, submariner: Callable[..., str], broker_info: Path
) -> None:
    cables = ("--cable", "wireguard", *LIBRESWAN)
    said = submariner(fresh_plane, "join", broker_info, *EAST, *cables, fails=True)
    assert "give it first" in said
