from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from submariner_core.reconcile.public_ip import Source, entrance, first_address, lowest, sources


def test_entries_are_read_in_order_and_spaces_do_not_matter() -> None:
    assert sources(" api:ifconfig.me/ip , dns: gw.example ,ipv4:192.0.2.1,lb: gw-1") == (
        Source("api", "ifconfig.me/ip"),
        Source("dns", "gw.example"),
        Source("ipv4", "192.0.2.1"),
        Source("lb", "gw-1"),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("192.0.2.1", "method:value"),
        ("ipv4:", "method:value"),
        ("lb:", "method:value"),
        ("lb:submariner-operator/submariner-gateway", "without its namespace"),
        ("lb:Gateway", "the name of a Service"),
        ("lb:4500", "the name of a Service"),
        (f"lb:{'a' * 64}", "the name of a Service"),
        ("stun:example.org", "none of ipv4, api, dns, lb"),
        ("ipv4:192.0.2.256", "Octet 256"),
        ("api:https://ifconfig.me", "without https://"),
        ("dns:gw.example:53", "host's name"),
    ],
)
def test_an_entry_that_makes_no_sense_is_named(text, named) -> None:
    with pytest.raises(ValueError, match=named):
        sources(f"ipv4:192.0.2.1, {text}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("203.0.113.9\n", "203.0.113.9"),
        ('{"ip": "203.0.113.9", "version": "1.2.3"}', "203.0.113.9"),
        ("127.0.0.1 is not it, 203.0.113.9 is", "203.0.113.9"),
        ("999.1.1.1 203.0.113.9", "203.0.113.9"),
        ("1.2.3.4.5", None),
        ("<html>gone</html>", None),
    ],
)
def test_the_first_usable_address_of_an_answer_counts(text, found) -> None:
    assert first_address(text) == (found and IPv4Address(found))


def test_of_several_names_answers_the_lowest_counts() -> None:
    addresses = [IPv4Address("203.0.113.9"), IPv4Address("9.1.1.1"), IPv4Address("127.0.0.1")]
    assert lowest(addresses) == IPv4Address("9.1.1.1")
    assert lowest([]) is None


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (("203.0.113.9",), IPv4Address("203.0.113.9")),
        (("203.0.113.9", "203.0.113.7"), IPv4Address("203.0.113.9")),
        (("2001:db8::1", "203.0.113.9"), IPv4Address("203.0.113.9")),
        (("127.0.0.1", "203.0.113.9"), IPv4Address("203.0.113.9")),
        (("a1b2.elb.example",), "a1b2.elb.example"),
        (("not a name", "a1b2.elb.example"), "a1b2.elb.example"),
    ],
)
def test_a_load_balancer_is_reached_by_the_first_that_can_be_used(told, found) -> None:
    assert entrance(told) == found


@pytest.mark.parametrize(
    ("told", "awaited"),
    [
        (None, "awaits a Service of this name"),
        ((), "awaits an address"),
        (("2001:db8::1", "127.0.0.1"), "no usable IPv4 address .*2001:db8::1, 127.0.0.1"),
    ],
)
def test_what_is_awaited_of_a_load_balancer_is_said(told, awaited) -> None:
    with pytest.raises(ValueError, match=awaited):
        entrance(told)
