from __future__ import annotations

import itertools
from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.reconcile.nat_discovery import (
    GRACE,
    STEADY,
    Discovery,
    Errand,
    Peer,
    Way,
    ask,
    assumed,
    hear,
    restart,
    start,
)
from submariner_core.reconcile.nat_messages import Party, Place, Response, Verdict
from tests.reconcile.objects import endpoint

PEER = Peer(
    "cable-west-1", "west", IPv4Address("10.0.0.1"), IPv4Address("203.0.113.1"), 4490, ours=True
)
PRIVATE, PUBLIC = str(PEER.private_ip), str(PEER.public_ip)
TRANSLATED, PLAIN = Verdict.NAT_DETECTED, Verdict.OK


def asked(before: Discovery, now: float, first: int = 100) -> tuple[Discovery, list[Errand]]:
    return ask(before, now, itertools.count(first))


def reply(errand: Errand, verdict: int = PLAIN) -> Response:
    return Response(
        errand.question.number, verdict, errand.receiver, Party("east", "e"), Place("x", 1)
    )


def to(errands: list[Errand], address: str) -> Errand:
    return next(errand for errand in errands if str(errand.address) == address)


def round_of(before: Discovery, now: float, *answers: str, first: int) -> Discovery:
    """A round in which these addresses answer."""
    after, errands = asked(before, now, first)
    for address in answers:
        verdict = TRANSLATED if address == PUBLIC else PLAIN
        after = hear(after, reply(to(errands, address), verdict), address, now + 0.1)
    return after


def test_both_addresses_are_asked_at_once() -> None:
    _, errands = asked(start(PEER, 5.0), 5.0)
    assert [str(errand.address) for errand in errands] == [PRIVATE, PUBLIC]
    assert len({errand.question.number for errand in errands}) == 2


def test_the_first_answer_counts() -> None:
    found = round_of(start(PEER, 0.0), 0.0, PUBLIC, first=1)
    assert found.way == Way(public=True, nat=True)


def test_the_private_address_replaces_the_public_one_only_within_its_grace() -> None:
    before, errands = asked(start(PEER, 0.0), 0.0)
    first = hear(before, reply(to(errands, PUBLIC), TRANSLATED), PUBLIC, 0.1)
    soon = hear(first, reply(to(errands, PRIVATE)), PRIVATE, 0.1 + GRACE)
    late = hear(first, reply(to(errands, PRIVATE)), PRIVATE, 0.2 + GRACE)
    assert soon.way == Way(public=False, nat=False)
    assert late.way == Way(public=True, nat=True)


def test_the_public_address_never_replaces_the_private_one() -> None:
    before, errands = asked(start(PEER, 0.0), 0.0)
    first = hear(before, reply(to(errands, PRIVATE)), PRIVATE, 0.1)
    assert hear(first, reply(to(errands, PUBLIC)), PUBLIC, 0.2).way == Way(False, False)


def test_a_private_address_must_answer_itself() -> None:
    before, errands = asked(start(PEER, 0.0), 0.0)
    assert hear(before, reply(to(errands, PRIVATE)), "10.9.9.9", 0.1) is before


def test_what_does_not_fit_changes_nothing() -> None:
    before, errands = asked(start(PEER, 0.0), 0.0)
    good = reply(to(errands, PUBLIC))
    for bad in (
        replace(good, number=1),
        replace(good, sender=None),
        replace(good, receiver=None),
        replace(good, received_from=None),
        replace(good, verdict=Verdict.UNKNOWN_ENDPOINT),
        replace(good, verdict=99),
        replace(good, sender=Party("west", "another")),
        replace(good, sender=Party("north", PEER.name)),
    ):
        assert hear(before, bad, PUBLIC, 0.1) is before


def test_an_answer_counts_once() -> None:
    before, errands = asked(start(PEER, 0.0), 0.0)
    once = hear(before, reply(to(errands, PUBLIC)), PUBLIC, 0.1)
    assert hear(once, reply(to(errands, PUBLIC)), PUBLIC, 0.1) is once


def test_what_is_settled_changes_only_after_three_rounds() -> None:
    found = round_of(start(PEER, 0.0), 0.0, PRIVATE, first=1)
    for number, now in enumerate((60.0, 62.0, 64.0), start=1):
        found = round_of(found, now, PUBLIC, first=10 * number)
        assert found.way == Way(False, False)
    found, _ = asked(found, 66.0)
    assert found.way == Way(True, True)


def test_one_good_round_forgets_the_bad_ones() -> None:
    found = round_of(start(PEER, 0.0), 0.0, PRIVATE, first=1)
    for number, answers in enumerate([[PUBLIC], [PUBLIC], [PRIVATE, PUBLIC], [PUBLIC], [PUBLIC]]):
        found = round_of(found, 60.0 + 2 * number, *answers, first=100 + 10 * number)
    found, _ = asked(found, 90.0)
    assert found.way == Way(False, False)


def test_silence_changes_nothing_and_is_asked_less_and_less() -> None:
    found = round_of(start(PEER, 0.0), 0.0, PUBLIC, first=1)
    pauses = []
    now = 60.0
    for number in range(12):
        found, _ = asked(found, now, 100 + 10 * number)
        pauses.append(found.next_round - now)
        now = found.next_round
    assert found.way == Way(True, True)
    assert pauses[0] == pauses[-1] == STEADY


def test_who_never_answered_is_asked_often_for_a_minute() -> None:
    found, now, rounds = start(PEER, 0.0), 0.0, 0
    while now < 60.0:
        found, _ = asked(found, now, 10 * rounds)
        now, rounds = found.next_round, rounds + 1
    assert rounds == 30
    for _ in range(6):
        found, _ = asked(found, now, 10 * rounds)
        now, rounds = found.next_round, rounds + 1
    assert found.next_round - (now - found.pause) == found.pause == STEADY


def test_an_upstream_peer_is_asked_in_both_forms_until_it_took_one() -> None:
    upstream = replace(PEER, ours=False, public_ip=None)
    before, errands = asked(start(upstream, 0.0), 0.0)
    ids = [errand.receiver.endpoint_id for errand in errands]
    assert ids == [PEER.name, PEER.name + "-v4"]
    refused = reply(errands[0], Verdict.UNKNOWN_ENDPOINT)
    after = hear(hear(before, refused, PRIVATE, 0.1), reply(errands[1]), PRIVATE, 0.1)
    _, errands = asked(after, 60.0, 200)
    assert [errand.receiver.endpoint_id for errand in errands] == [PEER.name + "-v4"]


def test_new_addresses_are_asked_at_once_while_the_way_stays() -> None:
    found = round_of(start(PEER, 0.0), 0.0, PUBLIC, first=1)
    moved = replace(PEER, public_ip=IPv4Address("203.0.113.99"))
    again = restart(found, moved, 7.0)
    assert (again.way, again.next_round) == (Way(True, True), 7.0)
    remote = endpoint("west", 1, public_ip=moved.public_ip)
    assert again.way.address(remote) == moved.public_ip
    assert restart(found, PEER, 7.0) is found


def test_who_cannot_be_asked_is_where_upstream_assumes_it() -> None:
    public = IPv4Address("203.0.113.1")
    assert assumed(endpoint("west", 1, public_ip=public)) == Way(False, False)
    assert assumed(endpoint("west", 1, public_ip=public, nat_enabled=True)) == Way(True, True)
    balanced = endpoint("west", 1, public_ip=public, backend_config={"using-loadbalancer": "true"})
    assert assumed(balanced) == Way(True, True)
    plain = endpoint("west", 1, public_ip=public, backend_config={"using-loadbalancer": "false"})
    assert assumed(plain) == Way(False, False)
    assert assumed(endpoint("west", 1, nat_enabled=True)) == Way(False, False)


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.0, 0.5, 3.0])), max_size=40
    )
)
def test_a_way_once_found_is_never_lost(answers) -> None:
    found, now = start(PEER, 0.0), 0.0
    known = False
    for number, (private, public, more) in enumerate(answers):
        now = max(found.next_round, now) + more
        came = [address for address, yes in ((PRIVATE, private), (PUBLIC, public)) if yes]
        found = round_of(found, now, *came, first=10 * number)
        known = known or bool(came)
        assert (found.way is not None) == known
        assert len(found.questions) <= 16
