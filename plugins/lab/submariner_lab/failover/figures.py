"""What one run showed."""

from __future__ import annotations

from dataclasses import dataclass, field

from submariner_lab.failover.connection import Connection, Outcome
from submariner_lab.failover.noticed import Notice, first_move
from submariner_lab.flow import Course
from submariner_lab.losses import Losses


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of the flow after the fault. ``outage`` is the longest one, in seconds.

    ``before`` is what was lost before the fault: the machine's own noise. ``mended`` is when the
    last outage ended, in seconds after the fault; 0 without any.
    """

    lost: int
    outage: float
    before: int
    mended: float
    course: Course

    @classmethod
    def after(cls, losses: Losses, course: Course, fault: int) -> Direction:
        """Of the losses of a whole flow, those since the fault (ns)."""
        since = [outage for outage in losses.outages if outage.start >= fault]
        lost = sum(outage.lost for outage in since)
        longest = max((outage.duration for outage in since), default=0.0)
        ends = [(outage.start - fault) / 1e9 + outage.duration for outage in since]
        return cls(lost, longest, losses.lost - lost, max(ends, default=0.0), course)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done, ``at`` so many seconds after the fault."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run that was carried out. Forward is from the cluster that is hit.

    ``pod`` is a TCP connection between pods, forward; ``service`` one from the other cluster to
    this one's ClusterIP. ``lease`` is how long the lease lasted when the fault came, in seconds: a
    slow store widens it. ``lead`` is the first gateway of this cluster that took the lead.
    """

    fault: int
    active: str
    lease: float
    forward: Direction
    backward: Direction
    pod: Connection
    service: Connection
    lead: Notice | None
    noticed: tuple[Notice, ...]
    events: tuple[Event, ...]
    facts: dict[str, object] = field(default_factory=dict)
    recovered: bool = True
    crashes: tuple[str, ...] = ()

    @property
    def remembering(self) -> frozenset[str]:
        """Processes that moved on evidence: they remember it for minutes, and move later."""
        return frozenset(notice.process for notice in self.noticed if notice.on_evidence)

    @property
    def moves(self) -> int:
        """Changes of path, of gateways and nodes together, returns included."""
        return sum(notice.moves for notice in self.noticed)

    @property
    def role_changes(self) -> int:
        """Times that a gateway took the lead or lost it."""
        return len(self.noticed) - self.moves

    def document(self) -> dict[str, object]:
        """As JSON values; times in the unit that the name tells."""
        move = first_move(self.noticed)
        return {
            "active": self.active,
            "lease_s": self.lease,
            "lost_forward": self.forward.lost,
            "lost_backward": self.backward.lost,
            "lost_before_fault": self.forward.before + self.backward.before,
            "outage_forward_ms": _ms(self.forward.outage),
            "outage_backward_ms": _ms(self.backward.outage),
            "recovered": self.recovered,
            "tcp_stall_ms": _ms(self.pod.stall) if self.pod.outcome is Outcome.ALIVE else None,
            "tcp": self._connection(self.pod),
            "cluster_ip": self._connection(self.service),
            "new_leader": None if self.lead is None else self.lead.node,
            "new_leader_s": None if self.lead is None else round(self.lead.at, 3),
            "first_move_ms": None if move is None else _ms(move.at),
            "moves": self.moves,
            "role_changes": self.role_changes,
            "noticed": [_notice(notice) for notice in self.noticed],
            "events": [{"at_ms": _ms(event.at), "what": event.what} for event in self.events],
            "facts": self.facts,
            "crashed": list(self.crashes),
        }

    def _connection(self, connection: Connection) -> dict[str, object]:
        ended = _ms((connection.ended - self.fault) / 1e9)
        return {
            "outcome": connection.outcome.value,
            "stall_ms": _ms(connection.stall),
            "error": connection.error or None,
            "reset_after_ms": ended if connection.outcome is Outcome.RESET else None,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its figures, or why there are none.

    ``options`` are what the lab was set to beside its defaults. ``impossible`` names a fault that
    this release cannot be put through; ``failure`` is a run that could not be carried out.
    """

    driver: str
    scenario: str
    number: int
    figures: Figures | None = None
    impossible: str = ""
    failure: str = ""
    options: str = ""

    def document(self) -> dict[str, object]:
        """As JSON values."""
        head = {"driver": self.driver, "scenario": self.scenario, "run": self.number}
        if self.options:
            head["options"] = self.options
        if self.figures is not None:
            return {**head, **self.figures.document()}
        reason = {"impossible": self.impossible} if self.impossible else {"failure": self.failure}
        return {**head, **reason}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _notice(notice: Notice) -> dict[str, object]:
    return {
        "at_ms": _ms(notice.at),
        "who": notice.who,
        "subject": notice.subject,
        "before": notice.before,
        "after": notice.after,
        "epoch": notice.epoch,
        "cause": notice.cause,
        "evidence": notice.evidence,
    }
