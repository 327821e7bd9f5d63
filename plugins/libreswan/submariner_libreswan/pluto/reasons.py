"""Why a call failed: pluto's log lines in words for people. Pure but for what it remembers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from submariner_libreswan.pluto.arguments import OURS

_LINE = re.compile(
    rf'(?:^|\s)"({OURS}[^"]+-\d+-\d+)"(?:\[\d+\] \S+?)?(?: #(?P<sa>\d+))?: (?P<text>.*)$'
)
_PSK = "is the PSK the same at both ends?"
_CA = "are both ends' certificates of the same CA, and their keys of one kind, RSA or ECDSA?"
_SAME = "set the same ike_proposals and esp_proposals at both"


@dataclass(frozen=True, slots=True)
class Blame:
    """What a log line tells: of which connection, why it failed (empty: it did not).

    ``proof``: one end's proof was refused, another PSK may do. ``final`` says more than what
    may follow it in the same call. ``proposals``: nobody but the other end knows what it offers.
    ``child``: proposals for child SAs had nothing in common.
    """

    connection: str
    reason: str = ""
    proof: bool = False
    final: bool = False
    proposals: bool = False
    child: bool = False


@dataclass(frozen=True, slots=True)
class Offers:
    """What this end proposes, in the words of the settings, and whether it has a certificate."""

    ike: str = ""
    esp: str = ""
    certificate: bool = False


def read(line: str, offers: Offers) -> Blame | None:
    """What a line of the log tells of a connection of ours; ``None`` for all other lines."""
    found = _LINE.search(line)
    if found is None:
        return None
    connection, text = found[1], found["text"]
    for pattern, judge in _JUDGES.items():
        if matched := pattern.search(text):
            return judge(connection, matched, offers)
    return Blame(connection)


def _refused(connection: str, _: re.Match[str], offers: Offers) -> Blame:
    return Blame(
        connection,
        "the other end refuses who this end says it is (AUTHENTICATION_FAILED): "
        f"{_CA if offers.certificate else _PSK}",
        proof=True,
        final=True,
    )


def _unproven(connection: str, _: re.Match[str], __: Offers) -> Blame:
    return Blame(connection, f"the other end's proof does not fit our PSK: {_PSK}", True, True)


def _ike_refused(connection: str, _: re.Match[str], offers: Offers) -> Blame:
    return Blame(
        connection,
        "the other end accepts none of the IKE proposals that this end offers "
        f"({offers.ike or 'the default'}), or does not know this gateway yet: {_SAME}",
        final=True,
        proposals=True,
    )


def _child_refused(connection: str, _: re.Match[str], offers: Offers) -> Blame:
    return Blame(
        connection,
        "the other end accepts none of the ESP proposals that this end offers "
        f"({offers.esp or 'the default'}): {_SAME}",
        final=True,
        proposals=True,
        child=True,
    )


def _mismatch(connection: str, found: re.Match[str], offers: Offers) -> Blame:
    child = ":ESP:" in found[1]
    ours = offers.esp if child else offers.ike
    return Blame(
        connection,
        f"no common proposal: the other end offers {found[1].strip()}; this end accepts "
        f"{ours or 'the default'}; {_SAME}",
        final=True,
        child=child,
    )


def _selectors(connection: str, _: re.Match[str], __: Offers) -> Blame:
    return Blame(
        connection,
        "the other end refuses subnets {pair} (TS_UNACCEPTABLE): both must have the same "
        "cluster_cidr and service_cidr of each, in the same order",
    )


def _silence(connection: str, found: re.Match[str], _: Offers) -> Blame:
    return Blame(connection, f"no answer after {int(found[1]) + 1} tries: is its UDP port open?")


def _waiting(connection: str, _: re.Match[str], __: Offers) -> Blame:
    return Blame(connection, "no answer to several tries yet: is its UDP port open?")


def _kernel(connection: str, found: re.Match[str], _: Offers) -> Blame:
    return Blame(
        connection,
        f"the kernel refuses the SA ({found[1]}): has it ESP, and the cipher? "
        "(daemon: strongswan with data_plane: userspace needs neither)",
        final=True,
    )


def _homeless(connection: str, _: re.Match[str], __: Offers) -> Blame:
    return Blame(
        connection,
        "pluto has no socket at {local}: that address must be on this node, and the UDP port free",
        final=True,
    )


def _taken(connection: str, found: re.Match[str], _: Offers) -> Blame:
    return Blame(
        connection,
        f"the kernel's policies of {found[1]} cover the same subnets: end that connection, or "
        "give the clusters other CIDRs",
        final=True,
    )


def _certificate(connection: str, found: re.Match[str], _: Offers) -> Blame:
    return Blame(
        connection,
        f"the other end's certificate is refused ({found[0].strip()}): use certificates of one "
        "CA at all gateways, with the private IP in them",
        final=True,
    )


def _gone_wrong(connection: str, found: re.Match[str], _: Offers) -> Blame:
    return Blame(connection, f"pluto says: {found[0]}")


_JUDGES: Mapping[re.Pattern[str], Callable[[str, re.Match[str], Offers], Blame]] = {
    re.compile(pattern): judge
    for pattern, judge in {
        "rejected by peer: AUTHENTICATION_FAILED": _refused,
        "authentication failed: computed hash does not match": _unproven,
        "^dropping .*IKE_SA_INIT .*NO_PROPOSAL_CHOSEN": _ike_refused,
        "^no local proposal matches remote proposals (.*)": _mismatch,
        "^(?:IKE_AUTH response rejected|CREATE_CHILD_SA failed).*NO_PROPOSAL_CHOSEN": (
            _child_refused
        ),
        "^(?:IKE_AUTH response rejected|CREATE_CHILD_SA failed).*TS_UNACCEPTABLE": _selectors,
        r"^STATE_V2_PARENT_I1: retransmission; will wait (?:[4-9]|\d\d+) seconds": _waiting,
        r"timeout exceeded after (\d+) retransmits": _silence,
        r"netlink response for Add SA .*?: (.*?) \(errno": _kernel,
        "cannot identify ourselves": _homeless,
        'cannot (?:route|install eroute) -- .*"([^"]+)"': _taken,
        "(?i)certificate .*(?:failed|invalid|not trusted|rejected|unknown).*": _certificate,
        "(?i)(?:no|missing|not) .*(?:private key|PreShared Key|preshared secret).*": _gone_wrong,
    }.items()
}
