"""When this end calls."""

from __future__ import annotations

import itertools

import pytest
from submariner_libreswan.calls import BACKOFF, TURN, Calls
from submariner_libreswan.tunnel import tunnel_of

from tests.plugins.libreswan.site import make_cable, make_endpoint

EAST = make_endpoint("east", "172.31.0.1", "10.1.0.0/16")
WEST = make_endpoint("west", "172.31.0.2", "10.2.0.0/16")


def _tunnel(own, remote, **config):
    return tunnel_of(own, make_cable(remote), port=4500, force_encaps=False, interfaces=True)


CALLER, CALLED = _tunnel(EAST, WEST), _tunnel(WEST, EAST)
SERVER = _tunnel(make_endpoint("east", "172.31.0.1", "10.1.0.0/16", preferred_server="true"), WEST)


def _due(calls, tunnel, now, *, missing=True, calling=False):
    return calls.due(tunnel, now, missing=missing, calling=calling)


def test_the_end_whose_turn_it_is_calls_at_once_and_the_other_one_later():
    calls = Calls()
    for tunnel in (CALLER, CALLED):
        calls.expect(tunnel.name, 100.0)
    assert _due(calls, CALLER, 100.0)
    assert not _due(calls, CALLED, 100.0)
    assert not _due(calls, CALLED, 100.0 + TURN - 0.1)
    assert _due(calls, CALLED, 100.0 + TURN)


def test_a_server_never_calls():
    calls = Calls()
    calls.expect(SERVER.name, 0.0)
    assert not any(_due(calls, SERVER, float(now)) for now in range(1000))
    assert calls.waited(SERVER.name, 1000.0) == 1000.0


def test_calls_that_fail_are_repeated_less_and_less_often():
    calls = Calls()
    calls.expect(CALLER.name, 0.0)
    times = [now / 10 for now in range(3000) if _due(calls, CALLER, now / 10)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(BACKOFF[0])
    assert pauses[-1] == pytest.approx(BACKOFF[1])


def test_a_call_under_way_is_left_alone():
    calls = Calls()
    calls.expect(CALLER.name, 0.0)
    assert not any(_due(calls, CALLER, float(now), calling=True) for now in range(100))
    assert _due(calls, CALLER, 100.0)


def test_what_stands_is_waited_for_no_longer_and_is_called_anew_when_it_breaks():
    calls = Calls()
    calls.expect(CALLER.name, 0.0)
    assert _due(calls, CALLER, 0.0)
    assert not _due(calls, CALLER, 0.5, missing=False)
    assert calls.waited(CALLER.name, 50.0) == 0.0
    assert _due(calls, CALLER, 50.0)
    assert calls.waited(CALLER.name, 51.0) == 1.0


def test_what_is_forgotten_is_not_remembered():
    calls = Calls()
    calls.expect(CALLER.name, 0.0)
    calls.forget(CALLER.name)
    calls.forget("never heard of")
    assert calls.waited(CALLER.name, 9.0) == 0.0
