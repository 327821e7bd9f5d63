"""What a holder does: renew, widen, hand over, lose the lease, withdraw."""

from __future__ import annotations

from dataclasses import replace

import pytest

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election_actions import (
    BecameActive,
    BecamePassive,
    HandOverEnded,
    Read,
    Swap,
    WakeAt,
    Withdrawn,
)
from submariner_core.reconcile.election_events import (
    HandOver,
    ReadDone,
    StoreFailed,
    SwapLost,
    SwapWon,
    Tick,
    Watched,
    Withdraw,
)
from submariner_core.reconcile.election_state import Campaign
from submariner_core.reconcile.election_timings import Timings
from tests.reconcile.election_candidate import BOOT, ME, PEER, THIRD, Told, held, leading

# ---- keeping the lease


def test_a_holder_renews_every_retry_period_and_may_write_until_its_renew_deadline() -> None:
    told = leading()
    told.tell(Tick(), 0.5)
    assert told.swap() == LeaseRecord(ME, 1, 3.0)
    told.win(0.6)
    assert told.actions == (WakeAt(BOOT + 1.0),)
    assert told.may_write(2.4)
    assert not told.may_write(2.5), "2 s after the renewal was sent, not answered"


def test_a_holder_whose_store_is_away_keeps_its_role_and_its_epoch_but_not_its_writing() -> None:
    told = leading()
    for at in (0.5, 1.0, 1.5, 2.0):
        told.tell(Tick(), at)
        assert told.tell(StoreFailed(slow=False), at) == (WakeAt(BOOT + at + 0.5),)
    assert told.state.active
    assert not told.may_write(2.0)
    told.tell(Tick(), 60.0)
    assert told.swap() == LeaseRecord(ME, 1, 3.0)
    told.win(60.1)
    assert told.actions == (WakeAt(BOOT + 60.5),)
    assert told.may_write(60.1)


def test_a_holder_continued_after_its_lease_was_taken_goes_passive_and_contends_again() -> None:
    told = leading()
    told.tell(Tick(), 100.0)
    assert told.tell(SwapLost(BOOT + 100.1), 100.1) == (Read(0.5),)
    told.tell(ReadDone(held(epoch=2), BOOT + 100.2), 100.2)
    assert told.actions == (BecamePassive(2, f"{PEER} took the lease"), WakeAt(BOOT + 103.2))


def test_a_win_that_is_heard_after_its_deadline_is_renewed_before_it_counts() -> None:
    told = Told()
    told.read(None)
    told.win(2.0)
    assert told.swap() == LeaseRecord(ME, 1, 15.0)
    assert not told.state.active


def test_a_watch_that_lags_cannot_depose_a_holder_but_makes_it_look() -> None:
    told = leading()
    assert told.tell(Watched(held(epoch=1), BOOT + 0.1), 0.1) == (Read(0.5),)
    assert told.may_write(0.1)
    own = replace(held(ME, epoch=1), version="v1")
    told.tell(ReadDone(own, BOOT + 0.2), 0.2)
    assert told.actions == (WakeAt(BOOT + 0.5),)


def test_a_higher_epoch_on_the_watch_deposes_a_holder_without_another_look() -> None:
    told = leading()
    told.tell(Watched(held(epoch=2), BOOT + 0.1), 0.1)
    assert told.actions[0] == BecamePassive(2, f"{PEER} took the lease")


def test_a_win_overtaken_by_the_watch_is_not_believed() -> None:
    told = leading()
    told.tell(Tick(), 0.5)
    stored = told.stored()
    told.tell(Watched(held(epoch=2), BOOT + 0.6), 0.6)
    told.tell(SwapWon(stored, BOOT + 0.7), 0.7)
    assert not told.state.active
    assert not told.may_write(0.7)


def test_a_lease_whose_answer_was_lost_is_found_to_be_ours_and_confirmed() -> None:
    told = Told()
    told.read(None)
    stored = told.stored()
    told.tell(StoreFailed(slow=True), 0.5)
    told.tell(Watched(stored, BOOT + 0.6), 0.6)
    assert told.tell(SwapLost(BOOT + 0.7), 0.7) == (Read(1.0),)
    told.tell(ReadDone(stored, BOOT + 0.8), 0.8)
    if not isinstance(told.actions[0], Swap):
        told.tell(Tick(), 2.0)
    assert told.swap().epoch == 1
    assert told.win(2.1)[0] == BecameActive(1, "the lease is ours")


def test_a_store_that_loses_every_race_without_a_reason_is_not_hammered() -> None:
    told = Told()
    told.read(held(""))
    told.tell(SwapLost(BOOT + 0.01), 0.01)
    assert told.tell(ReadDone(held(""), BOOT + 0.02), 0.02) == (WakeAt(BOOT + 0.52),)


# ---- a deleted lease


def test_a_holder_writes_its_deleted_lease_again_with_a_higher_epoch() -> None:
    told = leading()
    told.tell(Watched(None, BOOT + 0.1), 0.1)
    told.tell(ReadDone(None, BOOT + 0.2), 0.2)
    assert told.swap() == LeaseRecord(ME, 2, 3.0)
    assert told.win(0.3)[0] == BecameActive(2, "our lease was deleted")


def test_a_deleted_lease_is_not_taken_before_its_holder_must_have_stopped() -> None:
    told = Told()
    told.read(held())
    assert told.tell(Watched(None, BOOT + 1.0), 1.0) == (WakeAt(BOOT + 3.0),)


# ---- a slow store


def test_a_holder_widens_its_lease_while_the_store_is_slow_and_narrows_it_again() -> None:
    told = leading()
    durations = []
    for took in (0.0, 0.6, 0.6, *[0.01] * 12):
        if told.state.pending is None:
            told.tell(Tick(), told.state.renew_at - BOOT)
        durations.append(told.swap().duration)
        assert told.state.pending is not None
        told.win(told.state.pending.since - BOOT + took)
    assert durations[:4] == [3.0, 3.0, 9.0, 9.0]
    assert durations[-1] == 3.0
    assert max(durations) == 9.0


def test_requests_get_more_time_after_each_time_out_up_to_a_bound() -> None:
    told = leading()
    told.tell(Tick(), 0.5)
    timeouts = []
    for _ in range(6):
        pending = told.state.pending
        assert pending is not None, "asked again at once: the deadline is near"
        timeouts.append(pending.request.timeout)
        told.tell(StoreFailed(slow=True), pending.since - BOOT + pending.request.timeout)
    assert timeouts == [0.5, 1.0, 1.5, 2.0, 2.5, 2.5]


def test_a_holder_that_narrows_its_lease_may_not_write_longer_than_the_new_one_allows() -> None:
    told = leading()
    told.state = replace(told.state, stretch=2)
    told.tell(Tick(), 0.5)
    told.win(0.5)
    assert told.may_write(4.4)
    told.state = replace(told.state, stretch=1)
    told.tell(Tick(), 1.0)
    assert told.may_write(2.9)
    assert not told.may_write(3.0)


def test_a_recorded_duration_that_makes_no_sense_counts_as_our_own() -> None:
    told = Told()
    assert told.read(held(duration=float("nan"))) == (WakeAt(BOOT + 3.0),)


# ---- hand-over


def test_naming_a_successor_ends_writing_and_keeps_renewing() -> None:
    told = leading()
    told.tell(HandOver(PEER), 0.1)
    assert told.swap() == LeaseRecord(ME, 1, 3.0, successor=PEER)
    assert not told.may_write(0.1)
    told.win(0.2)
    told.tell(Tick(), 0.6)
    assert told.swap() == LeaseRecord(ME, 1, 3.0, successor=PEER)
    assert not told.may_write(0.6)


def test_a_hand_over_ends_when_the_successor_has_the_lease() -> None:
    told = leading()
    told.tell(HandOver("peer"), 0.1)
    told.win(0.2)
    told.tell(Watched(held(epoch=2), BOOT + 0.3), 0.3)
    assert told.actions[:2] == (
        BecamePassive(2, f"handed over to {PEER}"),
        HandOverEnded("peer", taken=True),
    )


def test_a_successor_that_does_not_come_within_five_seconds_is_not_named_any_more() -> None:
    told = leading()
    told.tell(HandOver(PEER), 0.1)
    for at in (0.1, 1.0, 2.0, 3.0, 4.0):
        told.win(at)
        told.tell(Tick(), at + 1.0)
    told.win(5.05)
    ended, swap = told.tell(Tick(), 5.1)
    assert ended == HandOverEnded(PEER, taken=False)
    assert isinstance(swap, Swap)
    assert swap.new == LeaseRecord(ME, 1, 3.0)
    told.win(5.2)
    assert told.may_write(5.2)


def test_the_next_candidate_replaces_the_one_before() -> None:
    told = leading()
    told.tell(HandOver(PEER), 0.1)
    told.win(0.2)
    ended, swap = told.tell(HandOver(THIRD), 0.3)
    assert ended == HandOverEnded(PEER, taken=False)
    assert isinstance(swap, Swap)
    assert swap.new.successor == THIRD


def test_only_a_leader_can_hand_over_and_not_to_itself() -> None:
    told = Told()
    told.read(held())
    assert told.tell(HandOver(THIRD), 0.1)[0] == HandOverEnded(THIRD, taken=False)
    assert leading().tell(HandOver("me"), 0.1)[0] == HandOverEnded("me", taken=False)


def test_a_gateway_that_handed_over_contends_again_if_its_successor_dies() -> None:
    told = leading()
    told.tell(HandOver(PEER), 0.1)
    told.win(0.2)
    told.tell(Watched(held(epoch=2), BOOT + 0.3), 0.3)
    told.tell(Tick(), 3.3)
    assert told.swap() == LeaseRecord(ME, 3, 3.0)


# ---- the same host, and the exit


def test_a_process_with_its_hosts_lock_reclaims_the_lease_of_an_earlier_one_at_once() -> None:
    told = Told(Campaign(ME, Timings(), reclaims=True))
    told.read(held("me_0a1b2c3d_0"))
    assert told.swap() == LeaseRecord(ME, 8, 3.0)
    assert told.win(0.1)[0] == BecameActive(
        8, "reclaimed from me_0a1b2c3d_0, which ran on this host"
    )


@pytest.mark.parametrize(("reclaims", "holder"), [(False, "me_0a1b2c3d_0"), (True, PEER)])
def test_without_the_lock_or_of_another_host_nothing_is_reclaimed(
    reclaims: bool, holder: str
) -> None:
    told = Told(Campaign(ME, Timings(), reclaims=reclaims, ready=True))
    assert told.read(held(holder)) == (WakeAt(BOOT + 3.0),)


def test_a_holder_that_withdraws_stops_writing_and_releases_the_lease() -> None:
    told = leading()
    passive, swap = told.tell(Withdraw(), 0.1)
    assert passive == BecamePassive(1, "withdrawn")
    assert isinstance(swap, Swap)
    assert swap.new.holder == ""
    assert not told.may_write(0.1)
    assert told.win(0.2) == (Withdrawn(released=True),)
    assert told.tell(Watched(held("", epoch=9, version="z"), BOOT + 9), 9.0) == ()


def test_a_passive_gateway_withdraws_without_a_write() -> None:
    told = Told()
    told.read(held())
    assert told.tell(Withdraw(), 0.1) == (Withdrawn(released=False),)
    assert told.tell(Tick(), 60.0) == ()
