"""The list of a cluster's gateways, and their slots."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.model import GatewayEntry, GatewayObject
from submariner_core.api.naming import SLOTS
from submariner_core.reconcile.gateways import (
    REUSE_AFTER,
    Retired,
    gateway_list,
    own_slot,
    retire,
)
from tests.reconcile.objects import endpoint, entry, stored_gateway

LEADER = entry(1, 0)


def numbers(entries: Sequence[GatewayEntry]) -> list[tuple[int, int]]:
    """Each gateway's number and slot, in the list's order."""
    return [(int(e.endpoint.private_ip) & 0xFF, e.slot) for e in entries]


def listed(
    previous: Sequence[GatewayEntry] = (),
    live: Sequence[GatewayObject] = (),
    leader: GatewayEntry = LEADER,
    successor: str | None = None,
) -> list[tuple[int, int]]:
    return numbers(gateway_list(leader, previous, live, {}, 100.0, successor=successor)[0])


def test_a_lone_leader_lists_itself() -> None:
    assert listed() == [(1, 0)]


def test_the_leader_comes_first_then_the_previous_order_then_newcomers() -> None:
    live = [stored_gateway(n, slot=n % 8) for n in (2, 3, 4, 5)]
    previous = [entry(4, 4), entry(2, 2), entry(1, 0)]
    assert listed(previous, live) == [(1, 0), (4, 4), (2, 2), (3, 3), (5, 5)]


def test_draining_ones_come_last_and_a_successor_second() -> None:
    live = [stored_gateway(2, slot=2, draining=True), stored_gateway(3, slot=3)]
    live += [stored_gateway(4, slot=4)]
    previous = [entry(2, 2), entry(3, 3), entry(4, 4)]
    assert listed(previous, live) == [(1, 0), (3, 3), (4, 4), (2, 2)]
    successor = endpoint("west", 4).cable_name
    assert listed(previous, live, successor=successor) == [(1, 0), (4, 4), (3, 3), (2, 2)]


def test_a_gateway_that_is_not_live_leaves_the_list_and_one_that_is_not_ready_stays() -> None:
    live = [stored_gateway(3, slot=3, ready=False)]
    assert listed([entry(2, 2), entry(3, 3)], live) == [(1, 0), (3, 3)]


def test_gateways_of_another_cluster_are_passed_over() -> None:
    assert listed(live=[stored_gateway(2, "east", slot=2)]) == [(1, 0)]


def test_the_previous_slot_wins_over_what_the_gateway_states() -> None:
    assert listed([entry(2, 5)], [stored_gateway(2, slot=3)]) == [(1, 0), (2, 5)]


def test_two_that_state_one_slot_get_two_and_the_leader_keeps_its_own() -> None:
    live = [stored_gateway(3, slot=0), stored_gateway(2, slot=1), stored_gateway(4, slot=1)]
    assert listed(live=live) == [(1, 0), (2, 1), (3, 2), (4, 3)]


def test_a_ninth_gateway_has_no_slot_and_is_not_listed() -> None:
    live = [stored_gateway(n, slot=n - 1) for n in range(2, 9)] + [stored_gateway(9, slot=0)]
    assert listed(live=live) == [(n, n - 1) for n in range(1, 9)]


def test_a_slot_is_not_given_to_another_within_a_minute() -> None:
    live = [stored_gateway(3, slot=1)]
    entries, retired = gateway_list(LEADER, [LEADER, entry(2, 1)], live, {}, 100.0)
    assert numbers(entries) == [(1, 0), (3, 2)]
    assert retired == {1: Retired(endpoint("west", 2).cable_name, 100.0)}
    just_before = 100.0 + REUSE_AFTER - 0.1
    entries, retired = gateway_list(LEADER, [LEADER], [], retired, just_before)
    assert set(retired) == {1}
    entries, retired = gateway_list(LEADER, entries, live, retired, 100.0 + REUSE_AFTER)
    assert (numbers(entries), retired) == ([(1, 0), (3, 1)], {})


def test_the_gateway_that_had_a_slot_may_have_it_back_at_once() -> None:
    retired = {1: Retired(endpoint("west", 2).cable_name, 100.0)}
    entries, left = gateway_list(LEADER, [LEADER], [stored_gateway(2, slot=1)], retired, 101.0)
    assert (numbers(entries), left) == ([(1, 0), (2, 1)], {})


def test_a_passive_gateway_knows_retired_slots_from_the_lists_it_saw() -> None:
    retired = retire([LEADER, entry(2, 1)], [LEADER], {}, 10.0)
    assert set(retired) == {1}
    assert retire([LEADER], [LEADER], retired, 10.0 + REUSE_AFTER) == {}


def test_a_starting_gateway_takes_its_slot_from_the_list() -> None:
    cable = endpoint("west", 2).cable_name
    assert own_slot(cable, [entry(1, 0), entry(2, 4)], [stored_gateway(2, slot=3)]) == 4


def test_a_starting_gateway_that_is_not_listed_keeps_what_it_stated() -> None:
    cable = endpoint("west", 2).cable_name
    gateways = [stored_gateway(2, slot=3), stored_gateway(3, slot=3)]
    assert own_slot(cable, [entry(1, 0)], gateways) == 3
    assert own_slot(endpoint("west", 3).cable_name, [entry(1, 0)], gateways) == 1
    assert own_slot(cable, [entry(1, 3)], gateways) == 0


def test_a_new_gateway_takes_the_lowest_slot_that_nobody_has() -> None:
    gateways = [stored_gateway(2, slot=1), stored_gateway(3, slot=3)]
    assert own_slot(endpoint("west", 9).cable_name, [entry(1, 0)], gateways) == 2


def test_there_is_no_slot_for_a_ninth_gateway() -> None:
    full = [entry(number, slot) for number, slot in zip(range(1, 9), SLOTS, strict=True)]
    assert own_slot(endpoint("west", 9).cable_name, full, []) is None


Tick = tuple[int, frozenset[int]]
ticks = st.lists(
    st.tuples(st.integers(0, 40), st.frozensets(st.integers(2, 12), max_size=9)), max_size=12
)
stated = st.lists(st.sampled_from(SLOTS), min_size=13, max_size=13)


@given(ticks, stated)
def test_slots_are_unique_stay_with_their_gateway_and_rest_before_they_are_reused(
    history: list[Tick], slots: list[int]
) -> None:
    entries: tuple[GatewayEntry, ...] = (LEADER,)
    retired: dict[int, Retired] = {}
    last_held: dict[int, tuple[int, float]] = {}
    now = 0.0
    for wait, alive in history:
        now += wait
        before = dict(numbers(entries))
        live = [stored_gateway(n, slot=slots[n]) for n in sorted(alive)]
        entries, retired = gateway_list(LEADER, entries, live, retired, now)
        after = dict(numbers(entries))
        assert len(set(after.values())) == len(after)
        assert set(after) <= alive | {1}
        assert all(after[n] == slot for n, slot in before.items() if n in after)
        for slot, (number, gone) in last_held.items():
            holder = next((n for n, s in after.items() if s == slot), number)
            assert holder == number or now - gone >= REUSE_AFTER
        for number, slot in before.items():
            last_held[slot] = (number, now)
