"""Who noticed a fault, and when: the transitions that gateways and route agents published."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from submariner_core.api.codec import decode
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import GatewayObject, RouteAgentObject, Transition
from submariner_core.api.transport import Kind
from submariner_lab.view import record_of

LEADERSHIP = "leadership"
FOLLOWED = "a new leader"
"""The cause of a move that just follows the lead."""
RETURNED = "the leader answers"
"""How the cause of a return begins."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A transition, ``at`` so many seconds after the fault. ``who`` is a daemon and its node."""

    at: float
    who: str
    node: str
    subject: str
    before: str
    after: str
    epoch: int
    cause: str
    evidence: str = ""

    @property
    def process(self) -> str:
        """The name in the lab of the process that says so."""
        return f"{self.who.removesuffix(self.node).strip().replace(' ', '-')} of {self.node}"

    @property
    def leads(self) -> bool:
        """Whether a gateway took the lead."""
        return self.subject == LEADERSHIP and self.after == "active"

    @property
    def moves(self) -> bool:
        """Whether traffic took another path."""
        return self.subject != LEADERSHIP

    @property
    def returns(self) -> bool:
        """Whether traffic went back to a leader that had been left before."""
        return self.moves and self.cause.startswith(RETURNED)

    @property
    def on_evidence(self) -> bool:
        """Whether traffic took another path for what a sender saw for itself."""
        return self.moves and self.cause != FOLLOWED

    def naming(self, nodes: Mapping[str, str]) -> Notice:
        """With the names of nodes in place of those of cables (``nodes``, by cable name)."""
        cause = self.cause
        for cable, node in nodes.items():
            # one cable's name may be the start of another's
            cause = re.sub(rf"{re.escape(cable)}\b(?!-)", node, cause)
        before, after = nodes.get(self.before, self.before), nodes.get(self.after, self.after)
        return replace(self, before=before, after=after, cause=cause)


def notices(watched: Path, offset: int, fault: float) -> tuple[Notice, ...]:
    """What was published since the watcher's output had ``offset`` bytes, in order of time.

    ``fault`` is in seconds of the wall clock, which every daemon of a lab shares; what happened
    earlier is left out.
    """
    found = {
        notice
        for who, node, transition in _published(watched, offset)
        if (notice := _notice(who, node, transition, fault)).at >= 0
    }
    return tuple(sorted(found, key=lambda notice: (notice.at, notice.who)))


def first_move(found: Iterable[Notice]) -> Notice | None:
    """The first change of a path away from what carried; a return to the leader is none."""
    return next((notice for notice in found if notice.moves and not notice.returns), None)


def first_lead(found: Iterable[Notice], nodes: Iterable[str]) -> Notice | None:
    """The first gateway on one of ``nodes`` that took the lead."""
    among = frozenset(nodes)
    return next((notice for notice in found if notice.leads and notice.node in among), None)


def _notice(who: str, node: str, transition: Transition, fault: float) -> Notice:
    return Notice(
        at=datetime.fromisoformat(transition.time).timestamp() - fault,
        who=who,
        node=node,
        subject=transition.subject,
        before=transition.before,
        after=transition.after,
        epoch=transition.epoch,
        cause=transition.cause,
        evidence=transition.evidence,
    )


def _published(watched: Path, offset: int) -> Iterator[tuple[str, str, Transition]]:
    with watched.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            document = json.loads(line).get("put")
            if document is None or document["kind"] not in (Kind.GATEWAY, Kind.ROUTE_AGENT):
                continue
            try:
                found = decode(record_of(document))
            except RecordMalformed:
                continue
            if isinstance(found, GatewayObject):
                node = found.status.local_endpoint.hostname
                yield from (("gateway " + node, node, one) for one in found.status.transitions)
            elif isinstance(found, RouteAgentObject):
                node = found.meta.name
                yield from (("route agent " + node, node, one) for one in found.status.transitions)
