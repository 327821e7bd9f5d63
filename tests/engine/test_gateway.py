"""One whole gateway over stores and cables in memory, and a real kernel."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from submariner_core import __version__
from submariner_core.api.errors import ConfigError
from submariner_core.api.model import HAStatus
from submariner_core.api.transport import Kind
from submariner_core.config.settings import HealthCheck
from submariner_core.observe.prober import Prober
from tests.engine.site import EastSite, changed, north, settled, until, west
from tests.reconcile.objects import stored_endpoint

pytestmark = pytest.mark.netns


async def test_a_gateway_becomes_active_publishes_and_connects(site: EastSite) -> None:
    site.join(west(101), west(102))
    node = site.node(1)
    async with node.running() as gateway:
        await until(lambda: len(node.connected) == 2)
        await until(lambda: gateway.readiness.ready)
        status = node.says.status
        assert (status.ha_status, status.epoch, status.slot) == (HAStatus.ACTIVE, 1, 0)
        await until(lambda: site.endpoints(site.broker) == [node.name])
        assert site.endpoints(site.datastore) == [node.name]
        assert site.epoch(site.broker) == site.epoch(site.datastore) == 1
        assert set(node.driver.cables) == {west(101).cable_name, west(102).cable_name}
        assert "10.2.0.0/16 nhid" in node.ways()
        assert "via 192.0.2.101 dev memory0" in node.ip("nexthop")
        assert set(node.extension.hooks) == {
            "submariner_leadership_changed",
            "submariner_endpoint_added",
            "submariner_connection_changed",
        }


async def test_a_gateway_is_not_ready_before_it_has_decided_anything(site: EastSite) -> None:
    node = site.node(1)
    site.datastore.go_away()
    async with node.running() as gateway:
        assert gateway.readiness.reasons
        await asyncio.sleep(0.3)
        assert gateway.readiness.reasons == ("the cable drivers are not open yet",)


async def test_probes_beyond_their_budget_stand_in_the_status_and_in_the_figures(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prober, "run", asyncio.Event().wait)
    site.join(west())
    node = site.node(1)
    async with node.running(health_check=HealthCheck()) as gateway:
        await until(lambda: gateway.figures.detection is not None)
        assert (gateway.figures.widening, gateway.figures.detection) == (1.0, pytest.approx(0.4))
        gateway._prober._measured -= 2.0
        gateway._prober._spend(0.5)
        await until(lambda: "is noticed after" in node.says.status.status_failure)
        await until(lambda: gateway.figures.widening > 1)


async def test_a_broker_that_is_away_at_the_start_blocks_nothing(site: EastSite) -> None:
    """Never again 5: a broker outage that blocks a start."""
    site.join(west())
    node = site.node(1)
    async with node.running() as gateway:
        await settled(gateway, 1)
    site.broker.go_away()
    before = node.ways()
    async with node.running():
        await until(lambda: node.says.status.epoch == 2 and node.connected)
        assert node.ways() == before
        site.broker.come_back()
        await until(lambda: site.epoch(site.broker) == 2)


async def test_a_broker_that_goes_away_stops_no_data_path(site: EastSite) -> None:
    """Never again 5: a broker outage that stops a data path."""
    site.join(west())
    node = site.node(1)
    async with node.running() as gateway:
        await settled(gateway, 1)
        before, actions = node.ways(), list(node.host.actions)
        site.broker.go_away()
        await asyncio.sleep(1.0)
        assert (node.ways(), node.host.actions) == (before, actions)
        assert node.says.status.ha_status is HAStatus.ACTIVE


async def test_a_broker_that_was_wiped_gets_our_objects_again(site: EastSite) -> None:
    site.join(west())
    node = site.node(1)
    async with node.running() as gateway:
        await settled(gateway, 1)
        await until(lambda: site.endpoints(site.broker) == [node.name])
        before, actions = node.ways(), list(node.host.actions)
        site.broker.wipe()
        await until(lambda: site.endpoints(site.broker) == [node.name])
        assert (node.ways(), node.host.actions) == (before, actions)
        assert site.endpoints(site.datastore, "west") == [west().hostname]


async def test_a_datastore_restored_from_an_older_backup_gets_our_objects_again(
    site: EastSite,
) -> None:
    """Never again 1: a stale endpoint that wins. The backup knows an older epoch, and no west."""
    node = site.node(1)
    async with node.running():
        await until(lambda: site.epoch(site.datastore) == 1)
    backup = site.datastore.save()
    site.join(west())
    async with node.running():
        await until(lambda: site.epoch(site.datastore) == 2 and node.connected)
        actions = list(node.host.actions)
        site.datastore.restore(backup)
        await until(lambda: site.epoch(site.datastore) == 2)
        await until(lambda: site.endpoints(site.datastore, "west"))
        assert node.host.actions == actions


async def test_a_store_that_holds_a_higher_epoch_makes_a_lease_holder_raise_its_own(
    site: EastSite,
) -> None:
    """Never again 1: two epochs of one number would be two leaders."""
    node = site.node(1)
    async with node.running():
        await until(lambda: site.epoch(site.datastore) == 1)
        raised = site.datastore.get(Kind.CLUSTER, "east")
        assert raised is not None
        annotations = {**raised.annotations, "submariner.io/epoch": "7"}
        site.datastore.put(type(raised)(raised.ref, raised.body, {}, annotations), None)
        await until(lambda: site.epoch(site.datastore) == 8)
        await until(lambda: node.says.status.epoch == 8)
        assert site.lease.record is not None
        assert site.lease.record.epoch == 8


async def test_a_lost_lease_disconnects_nothing_and_restarts_nothing(site: EastSite) -> None:
    """Never again 4: a lost lease that restarts the process, or tears tunnels down."""
    site.join(west())
    node = site.node(1)
    async with node.running() as gateway:
        await settled(gateway, 1)
        before, actions = node.ways(), list(node.host.actions)
        record = site.lease.record
        assert record is not None
        site.lease.write(type(record)("another_11111111_22222222", 5, 60.0))
        await until(lambda: node.says.status.ha_status is HAStatus.PASSIVE)
        await asyncio.sleep(0.3)
        assert (node.ways(), node.host.actions) == (before, actions)
        writes = site.broker.writes
        site.join(north())
        await asyncio.sleep(0.5)
        assert site.broker.writes == writes + 2


async def test_a_restart_changes_neither_cables_nor_kernel(site: EastSite) -> None:
    """Never again 7: a restart that recreates devices or loses routes."""
    site.join(west(101), west(102))
    site.join(north())
    node = site.node(1)
    async with node.running() as gateway:
        await settled(gateway, 3)
        await until(lambda: site.endpoints(site.broker) == [node.name])
    before, actions = node.ways(), list(node.host.actions)
    async with node.running() as gateway:
        await settled(gateway, 3)
        await until(lambda: node.says.status.epoch == 2)
        await asyncio.sleep(0.3)
        assert gateway.router.written == 0
    assert (node.ways(), node.host.actions) == (before, actions)


async def test_a_restart_goes_on_with_the_cable_that_carries(site: EastSite) -> None:
    leader, standby = west(101), west(102)
    site.join(leader, standby)
    node = site.node(1)
    async with node.running() as gateway:
        await settled(gateway, 2)
    (line,) = [one for one in node.ip("nexthop").splitlines() if f"via {leader.private_ip}" in one]
    number, via = line.split()[1], str(standby.private_ip)
    node.ip("nexthop", "replace", "id", number, "via", via, "dev", "memory0")
    before = node.ways()
    async with node.running() as gateway:
        await settled(gateway, 2)
        assert gateway.decider.state.carriers["west"][1] == standby.cable_name
        assert gateway.router.written == 0
    assert node.ways() == before


async def test_a_malformed_record_harms_only_itself(site: EastSite) -> None:
    """Never again 10: a malformed or hostile object that stops the daemon."""
    site.join(west())
    good = site.broker.get(Kind.CLUSTER, "west")
    assert good is not None
    for name, body in (
        ("bad1", {}),
        ("bad2", {"spec": {"cluster_id": ["x"]}}),
        ("bad3", {"x": 1}),
    ):
        ref = type(good.ref)(Kind.ENDPOINT, name)
        site.broker.put(type(good)(ref, body, {"submariner-io/clusterID": "bad"}), None)
    node = site.node(1)
    async with node.running():
        await until(lambda: node.connected)
        assert site.endpoints(site.datastore, "bad") == []


async def test_our_cluster_id_in_use_by_somebody_else_is_said_and_not_fought_over(
    site: EastSite,
) -> None:
    """Never again 1: two clusters of one name do not overwrite each other."""
    stranger = changed(west(77), cluster_id="east")
    stranger = changed(stranger, cable_name="submariner-cable-east-192-0-2-77", hostname="theirs")
    site.join(stranger)
    node = site.node(1)
    async with node.running():
        await until(lambda: "is in use" in node.says.status.status_failure)
        assert site.endpoints(site.broker) == ["theirs"]


async def test_a_replaced_endpoint_is_made_before_the_old_one_is_broken(site: EastSite) -> None:
    """Never again 2: the new gateway's routes removed by the late delete of the old endpoint."""
    old, new = west(101), west(102)
    site.join(old)
    node = site.node(1)
    async with node.running():
        await until(lambda: node.connected)
        actions = len(node.host.actions)
        first = next(r.ref for r in site.broker.records if r.ref.name.endswith("101"))
        site.join(new, epoch=2)
        await until(lambda: new.cable_name in node.connected)
        await until(lambda: "via 192.0.2.102" in node.ip("nexthop"))
        site.broker.delete(first, None)
        await until(lambda: old.cable_name not in node.driver.cables)
        await asyncio.sleep(0.3)
        assert node.host.actions[actions:] == [
            f"memory: connect {new.cable_name}",
            f"memory: disconnect {old.cable_name}",
        ]
        assert "10.2.0.0/16 nhid" in node.ways()


async def test_a_prefix_in_conflict_is_refused_and_the_refusal_lifts(site: EastSite) -> None:
    site.join(west())
    heir = north(subnets=["10.2.0.0/16", "10.3.0.0/16"])
    node = site.node(1)
    async with node.running():
        await until(lambda: node.connected)
        site.join(heir)
        await until(lambda: "10.2.0.0/16" in node.says.status.status_failure)
        assert "via 192.0.2.101" in node.ip("nexthop")
        for record in site.broker.records:
            if record.labels.get("submariner-io/clusterID") == "west":
                site.broker.delete(record.ref, None)
        await until(lambda: not node.says.status.status_failure, seconds=15)
        await until(lambda: "via 192.0.2.101" not in node.ip("nexthop"), seconds=15)
        assert "10.2.0.0/16 nhid" in node.ways()


async def test_a_zombie_s_endpoint_is_deleted(site: EastSite) -> None:
    """Never again 1: an upstream gateway of our cluster that came back from the dead."""
    node = site.node(1)
    async with node.running():
        await until(lambda: site.endpoints(site.broker) == [node.name])
        zombie = changed(west(78), cluster_id="east", subnets=())
        zombie = changed(zombie, cable_name="submariner-cable-east-192-0-2-78", hostname="zombie")
        site.put(stored_endpoint(zombie), site.datastore)
        await until(lambda: site.endpoints(site.datastore) == [node.name])


async def test_a_status_that_is_published_last_says_passive(site: EastSite) -> None:
    """Never again 15: a gateway that is gone, shown as active."""
    node = site.node(1)
    async with node.process() as (_, task):
        await until(lambda: node.says.status.ha_status is HAStatus.ACTIVE)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 10)
        assert node.says.status.ha_status is HAStatus.PASSIVE
        assert site.lease.record is not None
        assert site.lease.record.holder == ""


async def test_a_second_process_on_the_same_host_says_why_it_cannot_start(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submariner_core.daemon.lock.PATIENCE", 0.2)
    node = site.node(1)
    async with node.running():
        await until(lambda: node.says.status.version == __version__)
        twin = site.node(2)
        async with twin.process(state_dir=node.state_dir) as (_, task):
            with pytest.raises(ConfigError, match="another gateway of this host"):
                await asyncio.wait_for(task, 5)
