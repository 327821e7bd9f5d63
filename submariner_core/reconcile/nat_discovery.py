"""How each remote gateway is reached: at its private or its public address, through a NAT or not.

Both addresses are asked in parallel, in rounds. The first answer settles it, the private address
having a second's grace; what is settled changes only after several rounds in a row said otherwise,
so that a lost packet moves no cable. No answer at all changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from submariner_core.api.cable import USING_LOADBALANCER
from submariner_core.api.flags import is_set
from submariner_core.api.model import Endpoint
from submariner_core.api.naming import IPAddress
from submariner_core.reconcile.nat_messages import (
    Party,
    Response,
    Verdict,
    endpoint_id,
    is_suffixed,
    named,
)

GRACE = 1.0
"""Seconds in which an answer from the private address replaces a first one from the public one."""
ROUND = 2.0
"""Seconds between rounds while something is open; then they grow to ``STEADY``."""
STEADY = 60.0
EAGER = 60.0
"""Seconds for which an unanswered peer is asked every ``ROUND``: upstream gives up after them."""
AGREEING = 3
"""Rounds in a row that must prefer another way before it is taken."""
REMEMBERED = 16
"""Requests whose answers are still taken: 4 rounds, however long the way."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a gateway is reached: which of its addresses, and whether something translates."""

    public: bool
    nat: bool

    def address(self, remote: Endpoint) -> IPAddress:
        """Where to send, as the remote states its addresses now."""
        public = remote.public_ip
        return public if self.public and public is not None else remote.private_ip


def assumed(remote: Endpoint) -> Way:
    """What upstream assumes of a gateway that does not answer."""
    translated = remote.nat_enabled or is_set(remote.backend_config, USING_LOADBALANCER)
    known = remote.public_ip is not None
    return Way(public=translated and known, nat=translated and known)


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway to find: ``port`` is where it answers. ``ours``: it takes either form of id."""

    name: str
    cluster_id: str
    private_ip: IPAddress
    public_ip: IPAddress | None
    port: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A request that was sent, and has not been answered."""

    number: int
    public: bool
    suffixed: bool


@dataclass(frozen=True, slots=True)
class Errand:
    """A request to send: to which address, naming whom."""

    question: Question
    address: IPAddress
    receiver: Party
    port: int


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is known of one peer. Times are of the boot clock.

    ``heard`` is what this round's answers say of NAT, by whether the public address gave them;
    ``against`` the rounds in a row that preferred another way than ``way``; ``suffixed`` the form
    of id that the peer took, ``None`` until it did.
    """

    peer: Peer
    began: float
    way: Way | None = None
    next_round: float = 0.0
    settled_at: float | None = None
    questions: tuple[Question, ...] = ()
    heard: Mapping[bool, bool] | None = None
    against: int = 0
    pause: float = ROUND
    suffixed: bool | None = None


def start(peer: Peer, now: float, way: Way | None = None) -> Discovery:
    """Begin to look for a peer; ``way`` is what was known of it before."""
    return Discovery(peer, now, way, next_round=now)


def restart(before: Discovery, peer: Peer, now: float) -> Discovery:
    """The same gateway states other addresses: ask again, and keep the way meanwhile."""
    return start(peer, now, before.way) if before.peer != peer else before


def ask(before: Discovery, now: float, numbers: Iterator[int]) -> tuple[Discovery, list[Errand]]:
    """End a round and begin the next; ``numbers`` are unguessable and each is used once."""
    ended = _conclude(before, now)
    peer = ended.peer
    forms = (False, True) if ended.suffixed is None and not peer.ours else (bool(ended.suffixed),)
    addresses = {False: peer.private_ip, True: peer.public_ip}
    errands = [
        Errand(
            Question(next(numbers), public, suffixed),
            address,
            Party(peer.cluster_id, endpoint_id(peer.name, suffixed=suffixed)),
            peer.port,
        )
        for public, address in addresses.items()
        if address is not None
        for suffixed in forms
    ]
    asked = tuple(errand.question for errand in errands)
    return replace(
        ended,
        questions=(*ended.questions, *asked)[-REMEMBERED:],
        heard={},
        next_round=now + ended.pause,
    ), errands


def hear(before: Discovery, response: Response, source: str, now: float) -> Discovery:
    """Take an answer that came from the address ``source``; what does not fit changes nothing."""
    sender = response.sender
    question = next((one for one in before.questions if one.number == response.number), None)
    if (
        question is None
        or sender is None
        or response.receiver is None
        or response.received_from is None
        or response.verdict not in {Verdict.OK, Verdict.NAT_DETECTED}
        or (sender.cluster_id, named(sender.endpoint_id)) != (_cluster(before), before.peer.name)
        or (not question.public and source != str(before.peer.private_ip))
    ):
        return before
    way = Way(question.public, response.verdict == Verdict.NAT_DETECTED)
    heard = {**(before.heard or {}), way.public: way.nat}
    left = tuple(one for one in before.questions if one is not question)
    suffixed = is_suffixed(sender.endpoint_id)
    after = replace(before, heard=heard, questions=left, suffixed=suffixed)
    if before.way is None:
        return replace(after, way=way, settled_at=now)
    fresh = before.settled_at is not None and now <= before.settled_at + GRACE
    if fresh and before.way.public and not way.public:
        return replace(after, way=way)
    return after


def _cluster(discovery: Discovery) -> str:
    return discovery.peer.cluster_id


def _conclude(before: Discovery, now: float) -> Discovery:
    """Judge a round that is over, and say how long the next one lasts."""
    heard = before.heard
    if heard is None:  # there was none yet
        return before
    if not heard:
        eager = before.way is None and now < before.began + EAGER
        return replace(before, pause=ROUND if eager else min(STEADY, before.pause * 2))
    best = Way(False, heard[False]) if False in heard else Way(True, heard[True])
    if best == before.way:
        return replace(before, against=0, pause=STEADY)
    if before.against + 1 < AGREEING:
        return replace(before, against=before.against + 1, pause=ROUND)
    return replace(before, way=best, against=0, pause=STEADY, settled_at=None)
