"""The fence: which of a cluster's Endpoints is in use."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.model import EndpointObject
from submariner_core.reconcile.endpoints import choose_endpoint, is_stale
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint


def stored(number: int, epoch: int | None = None, created: str = "1") -> EndpointObject:
    return stored_endpoint(endpoint("west", number), created, epoch=epoch)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[int | None, list[EndpointObject]]:
    """A Cluster's epoch and Endpoints, each under its own name."""
    epochs = st.none() | st.integers(0, 4)
    count = draw(st.integers(1, 5))
    endpoints = [
        stored(number, draw(epochs), draw(st.sampled_from("123")))
        for number in range(1, count + 1)
    ]
    return draw(epochs), draw(st.permutations(endpoints))


def test_without_endpoints_none_is_in_use() -> None:
    assert choose_endpoint(stored_cluster(), [], stored(1, 5)) is None


def test_the_highest_epoch_wins_over_the_newest() -> None:
    old, new = stored(1, 4, created="9"), stored(2, 5, created="1")
    assert choose_endpoint(stored_cluster(epoch=5), [old, new], old) == new


def test_a_raised_cluster_alone_changes_nothing() -> None:
    current, older = stored(1, 4), stored(2, 3, created="9")
    cluster = stored_cluster(epoch=5)
    assert is_stale(cluster, current)
    assert choose_endpoint(cluster, [older, current], current) == current


def test_a_stale_endpoint_never_replaces_one_that_is_not() -> None:
    current, zombie = stored(1, 5), stored(2, None, created="9")
    cluster = stored_cluster(epoch=5)
    assert is_stale(cluster, zombie)
    assert choose_endpoint(cluster, [current, zombie], current) == current


def test_a_stale_endpoint_is_used_while_no_other_exists() -> None:
    assert choose_endpoint(stored_cluster(epoch=5), [stored(2)], None) == stored(2)


def test_a_successor_in_use_survives_its_cluster_record_coming_late() -> None:
    late = stored_cluster(epoch=4)
    assert not is_stale(late, stored(2, 5))
    assert choose_endpoint(late, [stored(1, 4), stored(2, 5)], stored(1, 4)) == stored(2, 5)


def test_upstream_peers_go_by_the_newest() -> None:
    old, new = stored(9, created="1"), stored(1, created="2")
    assert choose_endpoint(stored_cluster(), [new, old], old) == new
    assert choose_endpoint(None, [old, new], old) == new


def test_of_upstream_endpoints_of_one_second_the_current_one_stays() -> None:
    small, large = stored(1), stored(2)
    assert choose_endpoint(None, [small, large], small) == small
    assert choose_endpoint(None, [small, large], None) == large


def test_the_current_one_is_kept_as_it_is_stored_now() -> None:
    before, now = stored(1), replace(stored(1), spec=endpoint("west", 1, backend="wireguard"))
    assert choose_endpoint(None, [now], before) == now


def test_a_higher_epoch_that_is_no_longer_stored_is_forgotten() -> None:
    assert choose_endpoint(None, [stored(1, 2)], stored(2, 9)) == stored(1, 2)


@given(worlds(), st.none() | st.integers(1, 6))
def test_the_choice_does_not_depend_on_the_order_of_events(
    world: tuple[int | None, list[EndpointObject]], current: int | None
) -> None:
    epoch, endpoints = world
    cluster = stored_cluster(epoch=epoch)
    kept = None if current is None else stored(current)
    choice = choose_endpoint(cluster, endpoints, kept)
    assert choice in endpoints
    assert choose_endpoint(cluster, endpoints[::-1], kept) == choice
    assert choose_endpoint(cluster, endpoints, choice) == choice


@given(worlds())
def test_nothing_stored_has_a_higher_epoch_than_the_choice(
    world: tuple[int | None, list[EndpointObject]],
) -> None:
    epoch, endpoints = world
    choice = choose_endpoint(stored_cluster(epoch=epoch), endpoints, None)
    assert choice is not None
    rank = max(-1 if one.epoch is None else one.epoch for one in endpoints)
    assert (-1 if choice.epoch is None else choice.epoch) == rank


@given(worlds(), st.integers(0, 6))
def test_raising_the_cluster_never_changes_the_choice(
    world: tuple[int | None, list[EndpointObject]], raised: int
) -> None:
    epoch, endpoints = world
    before = choose_endpoint(stored_cluster(epoch=epoch), endpoints, None)
    assert choose_endpoint(stored_cluster(epoch=raised), endpoints, before) == before
