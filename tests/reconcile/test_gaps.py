from __future__ import annotations

from ipaddress import IPv4Address

from submariner_core.api.model import Connection, ConnectionStatus
from submariner_core.reconcile.gaps import PATIENCE, View, gaps, lasting_gaps
from tests.reconcile.objects import endpoint

UP, DOWN = ConnectionStatus.CONNECTED, ConnectionStatus.CONNECTING


def to(number: int, status: ConnectionStatus, cluster: str = "west") -> Connection:
    remote = endpoint(cluster, number, backend_config={"udp-port": "4600"})
    return Connection(status, "", remote, using_ip=IPv4Address(f"203.0.113.{number}"))


def two_gateways(*standbys: Connection) -> list[View]:
    return [View("east-1", 0, (to(1, UP), to(2, UP))), View("east-2", 1, standbys)]


def test_a_standbys_missing_cable_names_the_port_of_its_slot() -> None:
    [gap] = gaps(two_gateways(to(1, DOWN), to(2, UP)), {"vxlan"})
    assert "east-2 has no cable to west-gw1" in str(gap)
    assert "203.0.113.1:4601" in str(gap)


def test_a_driver_with_one_port_is_heard_on_that_one() -> None:
    [gap] = gaps(two_gateways(to(1, DOWN), to(2, UP)), ())
    assert gap.port == 4600


def test_a_cluster_that_nobody_reaches_has_no_gaps() -> None:
    views = [View("east-1", 0, (to(1, DOWN),)), View("east-2", 1, (to(1, DOWN),))]
    assert gaps(views, ()) == ()
    assert len(gaps([*views, View("east-3", 2, (to(2, UP),))], ())) == 2


def test_cables_that_are_up_or_not_wanted_are_no_gaps() -> None:
    rests = Connection(ConnectionStatus.NONE, "", endpoint("west", 1))
    assert gaps(two_gateways(to(1, UP), rests), ()) == ()


def test_a_gap_is_told_after_a_while_and_not_once_it_closed() -> None:
    found = gaps(two_gateways(to(1, DOWN)), ())
    since, told, again = lasting_gaps({}, found, 100.0)
    assert (told, again) == ((), 100.0 + PATIENCE)
    since, told, again = lasting_gaps(since, found, 100.0 + PATIENCE)
    assert (told, again) == (found, None)
    since, told, again = lasting_gaps(since, (), 140.0)
    assert (since, told, again) == ({}, (), None)
