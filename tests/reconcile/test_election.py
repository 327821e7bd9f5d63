"""Who takes the lease, when, and with which epoch."""

from __future__ import annotations

import pytest

from submariner_core.api.codec_annotations import MAX_EPOCH
from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election_actions import (
    BecameActive,
    BecamePassive,
    Read,
    WakeAt,
)
from submariner_core.reconcile.election_events import (
    EpochSeen,
    OrderChanged,
    ReadDone,
    ReadyChanged,
    StoreFailed,
    SwapLost,
    Tick,
    Watched,
)
from submariner_core.reconcile.election_state import Campaign
from submariner_core.reconcile.election_timings import Timings
from tests.reconcile.election_candidate import BOOT, ME, PEER, THIRD, Told, held, leading

# ---- the three cases in which a lease changes hands, and no other


def test_a_lease_that_never_existed_is_taken_at_once_with_epoch_one() -> None:
    told = Told()
    told.read(None)
    assert told.swap() == LeaseRecord(ME, 1, 3.0)
    assert told.win(0.1) == (
        BecameActive(1, "the lease has no holder"),
        WakeAt(BOOT + 0.5),
    )


def test_a_released_lease_is_taken_at_once_with_the_next_epoch() -> None:
    told = Told()
    told.read(held(""))
    assert told.swap() == LeaseRecord(ME, 8, 3.0)


def test_a_held_lease_is_left_alone_until_its_recorded_duration_has_passed_unchanged() -> None:
    told = Told()
    assert told.read(held(duration=9.0), 1.0) == (WakeAt(BOOT + 10.0),)
    assert told.tell(Watched(held(duration=9.0, version="p2"), BOOT + 6.0), 6.0) == (
        WakeAt(BOOT + 15.0),
    )
    assert told.tell(Tick(), 14.9) == (WakeAt(BOOT + 15.0),)
    told.tell(Tick(), 15.0)
    assert told.swap() == LeaseRecord(ME, 8, 3.0)


def test_seeing_the_same_version_again_does_not_prolong_a_lease() -> None:
    told = Told()
    told.read(held(), 0.0)
    assert told.tell(Watched(held(), BOOT + 2.0), 2.0) == (WakeAt(BOOT + 3.0),)


def test_a_named_successor_takes_the_lease_at_once() -> None:
    told = Told()
    told.read(held(successor=ME))
    assert told.swap() == LeaseRecord(ME, 8, 3.0)
    assert told.win(0.1)[0] == BecameActive(8, f"named as successor by {PEER}")


def test_a_successor_may_be_named_by_its_host() -> None:
    told = Told()
    told.read(held(successor="me"))
    assert told.swap().holder == ME


def test_a_successor_checks_its_readiness_again_and_takes_the_lease_once_it_is_ready() -> None:
    told = Told(Campaign(ME, Timings()))
    assert told.read(held(successor=ME)) == (WakeAt(BOOT + 6.0),)
    told.tell(ReadyChanged(True), 0.4)
    assert told.swap().epoch == 8


def test_whoever_takes_a_lease_clears_a_successor_that_it_did_not_name() -> None:
    told = Told()
    told.read(held(successor=THIRD))
    told.tell(Tick(), 3.0)
    assert told.swap() == LeaseRecord(ME, 8, 3.0, successor="")


def test_a_successor_in_our_record_that_we_did_not_name_is_taken_back_at_once() -> None:
    told = leading()
    told.tell(Tick(), 0.5)
    told.tell(SwapLost(BOOT + 0.6), 0.6)
    told.tell(ReadDone(held(ME, epoch=1, successor=THIRD, version="x"), BOOT + 0.7), 0.7)
    assert told.swap() == LeaseRecord(ME, 1, 3.0, successor="")


# ---- a store that was away from all alike


def test_the_holder_has_the_first_turn_when_the_store_is_back() -> None:
    """It could not renew either: to take its lease would move the lead for nothing."""
    told = Told()
    told.read(held())
    told.tell(Tick(), 3.0)
    for at in (3.0, 3.5, 4.0):
        assert told.tell(StoreFailed(slow=False), at) == (WakeAt(BOOT + at + 0.5),)
        assert told.tell(Tick(), at + 0.5) == (Read(0.5),)
    assert told.tell(ReadDone(held(), BOOT + 4.6), 4.6) == (WakeAt(BOOT + 5.6),)
    told.tell(Tick(), 5.6)
    assert told.swap() == LeaseRecord(ME, 8, 3.0)


def test_a_slow_store_gives_the_holder_as_long_as_its_request_may_still_take() -> None:
    told = Told()
    told.read(held())
    told.tell(Tick(), 3.0)
    told.tell(StoreFailed(slow=True), 3.5)
    assert told.actions == (Read(1.0),)
    assert told.tell(ReadDone(held(), BOOT + 3.6), 3.6) == (WakeAt(BOOT + 5.1),)


@pytest.mark.parametrize("found", [held(""), held(successor=ME)])
def test_nobody_is_waited_for_who_gave_the_lease_away(found: LeaseRecord) -> None:
    told = Told()
    told.read(found)
    told.tell(StoreFailed(slow=False), 0.0)
    assert told.tell(Tick(), 0.5) == (Read(0.5),)
    told.tell(ReadDone(found, BOOT + 0.5), 0.5)
    assert told.swap().epoch == 8


# ---- whose turn it is on expiry


@pytest.mark.parametrize(
    ("order", "ready", "wait"),
    [
        ((), True, 0.0),
        (("peer", "me", "third"), True, 0.0),
        (("peer", "third", "me"), True, 0.5),
        ((PEER, THIRD, ME), True, 0.5),
        (("peer", "third"), True, 0.5),
        (("peer", "me"), False, 3.0),
        (("peer", "third"), False, 3.5),
    ],
)
def test_on_expiry_place_k_waits_k_retry_periods_and_unready_ones_a_duration_more(
    order: tuple[str, ...], ready: bool, wait: float
) -> None:
    told = Told(Campaign(ME, Timings(), ready=ready, order=order))
    assert told.read(held()) == (WakeAt(BOOT + 3.0 + wait),)


def test_a_new_order_moves_the_moment_at_once() -> None:
    told = Told()
    told.read(held())
    assert told.tell(OrderChanged(("third", "me")), 0.1) == (WakeAt(BOOT + 3.5),)


# ---- epochs


def test_a_new_epoch_is_above_every_epoch_seen_at_any_store() -> None:
    told = Told()
    told.tell(EpochSeen(41), 0.0)
    told.tell(ReadDone(held("", epoch=7), BOOT), 0.0)
    assert told.swap().epoch == 42


def test_a_lease_restored_from_a_backup_does_not_take_the_epoch_back() -> None:
    told = Told()
    told.read(held(epoch=20))
    told.tell(Watched(held("", epoch=4, version="old"), BOOT + 1), 1.0)
    assert told.swap().epoch == 21


def test_a_holder_that_meets_a_higher_epoch_stops_writing_and_raises_its_own_above_it() -> None:
    told = leading()
    told.tell(EpochSeen(5), 0.2)
    assert not told.may_write(0.2)
    assert told.swap() == LeaseRecord(ME, 6, 3.0)
    assert told.win(0.3)[0] == BecameActive(6, "epoch 5 was seen")
    assert told.may_write(0.3)


def test_a_holder_that_meets_a_higher_epoch_and_lost_its_lease_goes_passive() -> None:
    told = leading()
    told.tell(EpochSeen(2), 0.2)
    told.tell(SwapLost(BOOT + 0.3), 0.3)
    told.tell(ReadDone(held(epoch=2), BOOT + 0.4), 0.4)
    assert told.actions == (BecamePassive(2, f"{PEER} took the lease"), WakeAt(BOOT + 3.4))
    assert not told.may_write(0.4)


def test_the_own_epoch_seen_at_a_store_changes_nothing() -> None:
    told = leading()
    assert told.tell(EpochSeen(1), 0.2) == (WakeAt(BOOT + 0.5),)
    assert told.may_write(0.2)


# ---- epochs that nobody counted up to


@pytest.mark.parametrize("absurd", [MAX_EPOCH, 2**63 - 1, 2**63, 10**30])
def test_an_epoch_that_no_reader_takes_raises_nobody_s(absurd: int) -> None:
    told = leading()
    assert told.tell(EpochSeen(absurd), 0.1) == (WakeAt(BOOT + 0.5),)
    assert told.may_write(0.1)
    told = Told()
    told.read(held("", epoch=absurd))
    assert told.swap() == LeaseRecord(ME, 1, 3.0)
    assert told.win(0.1)[0] == BecameActive(1, "the lease has no holder")


def test_a_lease_of_ours_that_somebody_gave_such_an_epoch_gets_a_sane_one_again() -> None:
    told = leading()
    told.tell(Watched(LeaseRecord(ME, 2**60, 3.0, version="x"), BOOT + 0.2), 0.2)
    told.tell(Tick(), 0.5)
    told.tell(SwapLost(BOOT + 0.5), 0.5)
    told.tell(ReadDone(LeaseRecord(ME, 2**60, 3.0, version="x"), BOOT + 0.6), 0.6)
    assert told.swap().epoch == 2


def test_the_last_epoch_that_readers_take_is_written_again_rather_than_none() -> None:
    told = Told()
    told.read(held("", epoch=MAX_EPOCH - 1))
    assert told.swap().epoch == MAX_EPOCH - 1
    told.win(0.1)
    assert told.may_write(0.2)
