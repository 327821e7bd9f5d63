from __future__ import annotations

from dataclasses import replace

import pytest

from submariner_core.reconcile.nat_messages import Party, Place, Request, Verdict, answer
from tests.reconcile.objects import endpoint

OWN = endpoint("west", 1)
FROM = Place("192.0.2.9", 4490)
ASKED = Request(
    7,
    Party("east", "submariner-cable-east-192-0-2-9"),
    Party("west", OWN.cable_name),
    FROM,
    Place(str(OWN.private_ip), 4490),
)


def test_a_request_that_nobody_translated_is_answered_ok() -> None:
    response = answer(ASKED, FROM, OWN)
    assert response.verdict == Verdict.OK
    assert (response.number, response.receiver, response.received_from) == (7, ASKED.sender, FROM)
    assert response.sender == Party("west", OWN.cable_name)


@pytest.mark.parametrize(
    ("request_", "came_from", "translated"),
    [
        (ASKED, Place("198.51.100.1", 4490), (True, False, False)),
        (ASKED, Place("192.0.2.9", 1025), (False, True, False)),
        (replace(ASKED, destination=Place("203.0.113.1", 4490)), FROM, (False, False, True)),
        (replace(ASKED, source=Place("", 4490)), FROM, (False, False, False)),
    ],
)
def test_each_translation_on_the_way_is_told_apart(request_, came_from, translated) -> None:
    response = answer(request_, came_from, OWN)
    assert response.translated == translated
    assert response.verdict == (Verdict.NAT_DETECTED if any(translated) else Verdict.OK)


@pytest.mark.parametrize("left_out", ["sender", "receiver", "source", "destination"])
def test_a_request_with_something_left_out_is_malformed(left_out) -> None:
    assert answer(replace(ASKED, **{left_out: None}), FROM, OWN).verdict == Verdict.MALFORMED


def test_who_is_not_meant_says_so() -> None:
    other = replace(ASKED, receiver=Party("north", OWN.cable_name))
    assert answer(other, FROM, OWN).verdict == Verdict.UNKNOWN_CLUSTER
    other = replace(ASKED, receiver=Party("west", "submariner-cable-west-10-0-0-1"))
    assert answer(other, FROM, OWN).verdict == Verdict.UNKNOWN_ENDPOINT


def test_newer_upstream_is_answered_in_its_own_form_of_id() -> None:
    newer = replace(ASKED, receiver=Party("west", OWN.cable_name + "-v4"))
    response = answer(newer, FROM, OWN)
    assert response.verdict == Verdict.OK
    assert response.sender == Party("west", OWN.cable_name + "-v4")


def test_an_address_that_is_none_is_one_that_was_translated() -> None:
    odd = replace(ASKED, destination=Place("not an address", -1))
    assert answer(odd, FROM, OWN).translated == (False, False, True)
