"""The state, folded from what drivers report."""

from __future__ import annotations

from ipaddress import IPv4Address

from submariner_core.api.cable import Cable, CableState, Path
from submariner_core.api.model import Cluster, ConnectionStatus
from submariner_core.reconcile.cables import HeldCable
from submariner_core.reconcile.state import (
    FIRST_RETRY,
    LONGEST_RETRY,
    Site,
    State,
    connect_failed,
    connected,
    disconnected,
    observed,
)
from tests.reconcile.objects import endpoint

REMOTE = endpoint("west")
CABLE = Cable(REMOTE.cable_name, REMOTE, 0, REMOTE.private_ip, 4500)
PATH = Path("vxlan-tunnel", IPv4Address("241.0.0.1"), 1400)
KEY = ("vxlan", CABLE.name)
EMPTY = State(Site(Cluster("east", (), ()), 2, {}))
UP = CableState(CABLE.name, ConnectionStatus.CONNECTED)


def test_a_made_cable_is_held_with_its_path_and_without_old_failures() -> None:
    failed = connect_failed(EMPTY, "vxlan", CABLE, "no", 0.0)
    assert connected(failed, "vxlan", CABLE, PATH).held == {
        KEY: HeldCable("vxlan", CABLE.name, CABLE, PATH)
    }


def test_failures_wait_longer_each_time_and_no_longer_than_a_bound() -> None:
    state, waits = EMPTY, []
    for _ in range(12):
        state = connect_failed(state, "vxlan", CABLE, "no", 100.0)
        waits.append(state.held[KEY].retry_at - 100.0)
    assert waits[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_RETRY


def test_a_cable_that_never_came_up_is_not_one_that_an_earlier_process_left() -> None:
    held = connect_failed(EMPTY, "vxlan", CABLE, "no", 0.0).held[KEY]
    assert (held.path, held.error, held.inherited) == (None, "no", False)


def test_a_failed_change_of_a_cable_leaves_what_forwards() -> None:
    up = connected(EMPTY, "vxlan", CABLE, PATH)
    held = connect_failed(up, "vxlan", CABLE, "no", 0.0).held[KEY]
    assert (held.cable, held.path, held.error) == (CABLE, PATH, "no")


def test_a_failed_takeover_is_still_the_earlier_process_s() -> None:
    left = observed(EMPTY, "vxlan", (UP,))
    held = connect_failed(left, "vxlan", CABLE, "no", 0.0).held[KEY]
    assert held.inherited


def test_a_removed_cable_is_forgotten_and_one_that_stays_is_tried_again() -> None:
    up = connected(EMPTY, "vxlan", CABLE, PATH)
    assert disconnected(up, "vxlan", CABLE.name, "", 0.0).held == {}
    held = disconnected(up, "vxlan", CABLE.name, "busy", 5.0).held[KEY]
    assert (held.path, held.error, held.retry_at) == (PATH, "busy", 5.0 + FIRST_RETRY)


def test_what_an_earlier_process_left_is_held_without_a_path() -> None:
    unknown = CableState(None, ConnectionStatus.NONE, key="02:f1:00")
    held = observed(EMPTY, "vxlan", (UP, unknown)).held
    assert held == {KEY: HeldCable("vxlan", CABLE.name)}
    assert held[KEY].inherited


def test_a_cable_that_vanished_loses_its_path_and_only_that_drivers_do() -> None:
    up = connected(connected(EMPTY, "vxlan", CABLE, PATH), "ipsec", CABLE, PATH)
    after = observed(up, "vxlan", ())
    assert after.held[KEY].path is None
    assert after.held["ipsec", CABLE.name].path == PATH


def test_an_observation_without_news_is_the_same_state() -> None:
    """Never again 14: what changes nothing costs nothing."""
    once = observed(connected(EMPTY, "vxlan", CABLE, PATH), "vxlan", (UP,))
    assert observed(once, "vxlan", (UP,)) is once


def test_status_of_cables_that_are_gone_is_not_kept() -> None:
    """Never again 9: status of what is long gone."""
    once = observed(EMPTY, "vxlan", (UP,))
    assert observed(once, "vxlan", ()).observed == {"vxlan": {}}
