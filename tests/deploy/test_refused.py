"""Each privilege of the manifests is needed: without it the daemon says what it lacks."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from submariner_lab import namespaces
from submariner_lab.process import Process

from tests.conftest import Namespaces
from tests.deploy.pod import Object, manifests, pods
from tests.deploy.runtime import Containers, needs_crun
from tests.plugins.ipsec import needs_charon

pytestmark = [needs_crun, pytest.mark.netns]

NODE = "east-1"
SETTINGS = """\
cluster_id: east
cluster_cidr: [10.1.0.0/16]
service_cidr: [100.1.0.0/16]
plugins: {cable: [vxlan], election: local, datastore: local, broker: local, route: kubeproxy}
options:
  election: {path: /var/lib/submariner/store.db}
  datastore: {path: /var/lib/submariner/store.db}
  broker: {path: /var/lib/submariner/broker.db}
"""
PROGRAMS = "CAP_NET_ADMIN to program devices"
OVERLAY = {
    "submariner-gateway": "vxlan",
    "submariner-routeagent": "vxlan",
    "submariner-charon": "libreswan",
}
SAID = {
    ("submariner-gateway", "NET_ADMIN"): f"this process needs {PROGRAMS}",
    ("submariner-gateway", "NET_RAW"): "this process needs CAP_NET_RAW to send probes",
    ("submariner-routeagent", "NET_ADMIN"): f"this process needs {PROGRAMS}",
    ("submariner-routeagent", "NET_RAW"): "no-probes",  # it does the rest of its work
    ("submariner-charon", "NET_ADMIN"): "Operation not permitted",
}

Start = Callable[[str, Object], Process]


@pytest.fixture
def start(netns_factory: Namespaces, tmp_path: Path) -> Iterator[Start]:
    """Start a pod of a DaemonSet on a node of the test's own."""
    netns = netns_factory.create("node")
    netns_factory.uplink(netns)
    volumes = {"settings": tmp_path / "settings", "state": tmp_path / "state"}
    for folder in volumes.values():
        folder.mkdir(parents=True)
    (tmp_path / "settings" / "node.yaml").write_text(SETTINGS)

    started: list[Process] = []

    def begin(name: str, pod: Object) -> Process:
        containers = Containers(tmp_path, OVERLAY[name])
        words = containers.words(name, pod, volumes, NODE)
        process = Process(
            name, netns, words, tmp_path / "log", host_name=NODE, run_dir=tmp_path / "run"
        )
        process.start()
        started.append(process)
        return process

    yield begin
    namespaces.kill_all((netns,))
    for process in started:
        process.reap()


async def says(process: Process, text: str) -> None:
    """Until it has said so."""
    try:
        async with asyncio.timeout(10):
            while text not in process.tail(100):  # noqa: ASYNC110 - another's file
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(process.tail(100) or "it said nothing")


def pod_of(name: str) -> Object:
    return copy.deepcopy(pods(manifests(f"overlays/{OVERLAY[name]}"))[name])


def test_these_are_all_capabilities_that_the_manifests_add() -> None:
    added = {
        (name, capability)
        for name in OVERLAY
        for capability in pod_of(name)["containers"][0]["securityContext"]["capabilities"]["add"]
    }
    assert added == set(SAID)


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        pytest.param(*one, marks=needs_charon if one[0] == "submariner-charon" else ())
        for one in SAID
    ],
)
async def test_without_a_capability_it_says_so(name: str, capability: str, start: Start) -> None:
    pod = pod_of(name)
    pod["containers"][0]["securityContext"]["capabilities"]["add"].remove(capability)
    process = start(name, pod)
    await says(process, SAID[name, capability])
    if SAID[name, capability].startswith("this process needs"):
        assert await process.wait() == 1


async def test_without_the_nodes_sysctls_it_says_what_to_mount(start: Start) -> None:
    pod = pod_of("submariner-routeagent")
    mounts = pod["containers"][0]["volumeMounts"]
    mounts[:] = [mount for mount in mounts if mount["name"] != "sysctls"]
    process = start("submariner-routeagent", pod)
    await says(process, "mount the node's /proc/sys/net at /host/proc/sys/net")
    assert process.running


async def test_without_a_writable_state_folder_a_gateway_says_so(start: Start) -> None:
    pod = pod_of("submariner-gateway")
    (mount,) = (m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "state")
    mount["readOnly"] = True
    process = start("submariner-gateway", pod)
    await says(process, "/var/lib/submariner")
    assert await process.wait() == 1


async def test_where_wireguard_go_is_not_let_to_a_device_its_words_stand_in_the_log(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OVERLAY, "submariner-wireguard", "wireguard-userspace")
    pod = pod_of("submariner-wireguard")
    command = pod["containers"][0]["command"]
    only = [word for word in command if word.endswith("=-all,+net_admin")]
    assert len(only) == 2
    for word in only:
        command[command.index(word)] = word.replace(",+net_admin", "")
    await says(start("submariner-wireguard", pod), "operation not permitted")
