"""``submariner cleanup`` on a node that a gateway and a route agent have set up."""

from __future__ import annotations

import asyncio
import json
import subprocess
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.cable import Path as CablePath
from submariner_core.api.model import Metadata, RouteAgent, RouteAgentObject
from submariner_core.api.network import Nexthop, Route, Rule
from submariner_core.api.route import NodePlan, OverlayPeer
from submariner_core.cli.node import task
from submariner_core.daemon import lock as locks
from submariner_core.daemon.lock import HostLock, lock_path
from submariner_core.kernel import Kernel
from submariner_core.loading import load_from
from submariner_core.reconcile.routing import ClusterRouting, ProbePath, routing
from tests.cli.conftest import Run
from tests.cli.stores import Stores, cluster
from tests.reconcile.objects import endpoint, stored_gateway

pytestmark = pytest.mark.netns

OWN, PEER = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
UNDERLAY = """\
ip link add eth0 type veth peer name outside
ip link set eth0 up
ip link set outside up
ip addr add 192.0.2.1/24 dev eth0
ip route add default via 192.0.2.254
"""
OTHERS = """\
ip link add flannel.1 type vxlan id 1 dstport 8472 local 192.0.2.1
ip route add 198.51.100.0/24 via 192.0.2.254 table 100
ip rule add from 198.51.100.7 lookup 100 priority 200
ip nexthop add id 77 via 192.0.2.254 dev eth0
nft add table inet somebody
"""
ROUTE_AGENT = RouteAgentObject(Metadata("east-gw1"), RouteAgent("v", OWN))


def shell(lines: str) -> None:
    for line in lines.splitlines():
        subprocess.run(line.split(), check=True)


def listing() -> dict[str, list[str]]:
    """All that the node holds of what we touch."""
    commands = {
        "links": "ip -br link",
        "rules": "ip rule",
        "routes": "ip -4 route show table all type unicast",
        "unreachable": "ip -4 route show table all type unreachable",
        "nexthops": "ip nexthop",
        "nft": "nft -s list ruleset",
        "sysctls": "sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter",
    }
    found = {}
    for name, command in commands.items():
        done = subprocess.run(command.split(), capture_output=True, text=True, check=True)
        found[name] = sorted(line.split(" state ")[0].strip() for line in done.stdout.splitlines())
    found["links"] = [line.split()[0] for line in found["links"]]
    return found


@pytest.fixture
def stores(netns: str, tmp_path: Path) -> Stores:
    shell(UNDERLAY)
    shell(OTHERS)
    made = Stores(tmp_path)
    made.put("datastore", *cluster("east", 1, None), *cluster("west", 2, "west"))
    made.put("datastore", stored_gateway(1, "east"), stored_gateway(4, "east"), ROUTE_AGENT)
    made.put("broker", *cluster("east", 1, "east"), *cluster("west", 2, "west"))
    return made


def set_up(stores: Stores) -> None:
    """Do to the node what a gateway and a route agent do."""
    loaded = load_from(stores.path, {})
    remote = endpoint("west", 2, subnets=("10.2.0.0/16",))
    node = OverlayPeer("east-gw1", OWN)
    plan = NodePlan(
        node=node,
        on_gateway=True,
        gateways=(node,),
        carries=node,
        remote_prefixes=remote.subnets,
        cluster_cidr=(ip_network("10.1.0.0/16"),),
        service_cidr=(ip_network("100.1.0.0/16"),),
        cable_ports=(4500,),
    )

    async def run() -> None:
        route = loaded.route_driver()
        assert route is not None
        await route.open(node, plan.cluster_cidr)
        await route.apply(plan)
        await route.close()
        ((_, driver),) = loaded.cable_drivers()
        await driver.open(LocalGateway(endpoint("east", 1)))
        path: CablePath = await driver.connect(Cable(remote.cable_name, remote, 0, PEER, 4500))
        await driver.close()
        west = ClusterRouting(
            "west", remote.subnets, path, (ProbePath(IPv4Address("10.2.0.9"), path),)
        )
        lost = ClusterRouting("lost", (ip_network("10.3.0.0/16"),), None)
        made = routing([west, lost], None, ["vxlan-tunnel"], plan.cluster_cidr)
        async with Kernel() as kernel:
            for thing in (*made.nexthops, *made.routes, *made.rules):
                await _ensure(kernel, thing)

    asyncio.run(run())
    shell("nft add table inet submariner-drain")


async def _ensure(kernel: Kernel, thing: Nexthop | Route | Rule) -> None:
    if isinstance(thing, Nexthop):
        await kernel.nexthops.ensure(thing)
    elif isinstance(thing, Route):
        await kernel.routes.ensure(thing)
    else:
        await kernel.rules.ensure(thing)


def test_a_node_is_left_as_it_was_found(stores: Stores, run: Run, tmp_path: Path) -> None:
    before = listing()
    set_up(stores)
    assert listing() != before
    result = run("cleanup", "--config", stores.path, "--yes")
    assert result.exit_code == 0, result.output
    assert listing() == before
    assert not (tmp_path / "state").exists()


def test_it_lists_what_it_removed(stores: Stores, run: Run) -> None:
    set_up(stores)
    rows = json.loads(run("cleanup", "--config", stores.path, "--yes", "-o", "json").stdout)
    removed = {(row["part"], row["removed"]) for row in rows}
    assert {
        ("route driver kubeproxy", "device vx-submariner"),
        ("route driver kubeproxy", "nft table ip submariner"),
        ("routing", "route 10.2.0.0/16 in table 100"),
        ("routing", "route 10.3.0.0/16 in table 101"),
        ("routing", "rule 99: from all iif vxlan-tunnel lookup 101"),
        ("cable driver vxlan", "device vxlan-tunnel"),
        ("cable driver vxlan", "nft table inet submariner-vxlan"),
        ("datastore", "RouteAgent east-gw1"),
        ("datastore", "Gateway east-gw1"),
    } <= removed
    assert not any("flannel" in row["removed"] or "somebody" in row["removed"] for row in rows)
    assert not any(row["failure"] for row in rows)


def test_only_the_own_records_go(stores: Stores, run: Run) -> None:
    before = {where: stores.names(where) for where in ("datastore", "broker")}
    assert run("cleanup", "--config", stores.path, "--yes").exit_code == 0
    own = {"RouteAgent east-gw1", "Gateway east-gw1"}
    assert set(before["datastore"]) - set(stores.names("datastore")) == own
    assert stores.names("broker") == before["broker"]


def test_twice_is_fine(stores: Stores, run: Run) -> None:
    set_up(stores)
    run("cleanup", "--config", stores.path, "--yes")
    result = run("cleanup", "--config", stores.path, "--yes")
    assert result.exit_code == 0
    assert result.stderr == "there was nothing to remove\n"


def test_a_running_gateway_is_not_cleaned_up_behind_its_back(
    stores: Stores, run: Run, tmp_path: Path
) -> None:
    set_up(stores)
    lock = HostLock(lock_path(tmp_path / "state", locks.GATEWAY))
    assert lock.acquire()
    before = listing()
    result = run("cleanup", "--config", stores.path, "--yes")
    assert result.exit_code == 1
    assert "a gateway of this host runs" in result.stderr
    assert listing() == before
    assert run("cleanup", "--config", stores.path, "--yes", "--force").exit_code == 0
    assert lock_path(tmp_path / "state", locks.GATEWAY).exists(), "its own, as it runs"
    lock.release()


def test_without_an_answer_nothing_happens(stores: Stores, run: Run) -> None:
    set_up(stores)
    before = listing()
    result = run("cleanup", "--config", stores.path)
    assert result.exit_code == 1
    assert "Take node east-gw1 out of service?" in result.stderr
    assert listing() == before


def test_a_store_that_is_away_does_not_save_the_devices(
    stores: Stores, run: Run, tmp_path: Path
) -> None:
    before = listing()
    set_up(stores)
    (tmp_path / "east.db").write_bytes(b"not a database, whatever its name says" * 100)
    result = run("cleanup", "--config", stores.path, "--yes", "-o", "json")
    assert result.exit_code == 1
    assert listing() == before
    failures = [row for row in json.loads(result.stdout) if row["failure"]]
    assert {row["part"] for row in failures} == {"datastore"}
    assert str(tmp_path / "east.db") in failures[0]["failure"]


def test_the_last_gateway_of_a_cluster_says_what_stays(stores: Stores, run: Run) -> None:
    first = run("cleanup", "--config", stores.path, "--yes")
    assert "last gateway" not in first.stderr, "east-gw4 is still there"
    settings = stores.path.read_text()
    stores.path.write_text(settings.replace("east-gw1", "east-gw4"))
    last = run("cleanup", "--config", stores.path, "--yes")
    assert "the last gateway of cluster 'east'" in last.stderr
    assert "submariner cleanup --uninstall" in last.stderr


def test_with_uninstall_the_whole_cluster_leaves(stores: Stores, run: Run) -> None:
    result = run("cleanup", "--config", stores.path, "--yes", "--uninstall")
    assert result.exit_code == 0
    assert stores.names("datastore") == ["Gateway east-gw4"]
    assert stores.names("broker") == [
        "Cluster west",
        "Endpoint west-submariner-cable-west-192-0-2-2",
    ]


def test_upstreams_uninstall_containers_clean_the_node(stores: Stores, run: Run) -> None:
    before = listing()
    set_up(stores)
    for daemon in ("route-agent", "gateway"):
        result = run(daemon, "--config", stores.path, SUBMARINER_UNINSTALL="true")
        assert result.exit_code == 0, result.output
    assert listing() == before
    assert stores.names("datastore") == ["Gateway east-gw4"]


def test_upstreams_init_container_waits_for_the_nodes_address(stores: Stores, run: Run) -> None:
    assert (
        run("route-agent", "--config", stores.path, SUBMARINER_WAITFORNODE="true").exit_code == 0
    )


async def test_a_node_without_an_address_is_waited_for(
    netns: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "LOOK_AGAIN", 0.01)
    shell("ip addr flush dev eth0")
    settings = load_from(stores.path, {}).settings
    waiting = asyncio.create_task(task.wait_for_node(settings))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    shell("ip addr add 192.0.2.1/24 dev eth0\nip route add default via 192.0.2.254")
    async with asyncio.timeout(5):
        assert await waiting == OWN


def test_a_running_route_agent_is_not_cleaned_up_behind_its_back(
    stores: Stores, run: Run, tmp_path: Path
) -> None:
    set_up(stores)
    lock = HostLock(lock_path(tmp_path / "state", locks.ROUTE_AGENT))
    assert lock.acquire()
    result = run("cleanup", "--config", stores.path, "--yes")
    assert result.exit_code == 1
    assert "a route agent of this host runs" in result.stderr
    lock.release()
    assert run("cleanup", "--config", stores.path, "--yes").exit_code == 0
    assert not (tmp_path / "state").exists()
