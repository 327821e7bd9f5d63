"""The state of one gateway's campaign for the lease."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election_actions import Action, Request
from submariner_core.reconcile.election_timings import Timings

NEVER = math.inf
LONG_AGO = -math.inf


@dataclass(frozen=True, slots=True)
class Pending:
    """The one request in flight, asked for at ``since``, for this reason."""

    request: Request
    since: float
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One candidate. Moments are in seconds of its own boot clock.

    ``reclaims``: this process holds its host's lock, so an earlier one of this host is gone.
    ``order``: the ready gateways of the last list.

    ``record`` is the lease as last known; ``unsure`` says that it must be read before anything
    else is done, ``blind`` that the store did not answer; ``free_at`` is when it has no holder any
    more, unless it changes; ``last_holder`` is who held it last; ``floor`` is the highest epoch
    ever seen anywhere.

    ``active`` and ``epoch``: the role. It ends when another is seen to have the lease; the right
    to write ends by itself at ``write_until``. ``renew_at``: when the lease is next renewed.

    ``lost``: the last swap lost its race. ``not_before``: no request earlier than this.
    ``stretch`` and ``calm``: how slow the store is, and for how many answers it was faster.

    ``successor``: whom the lease is being handed to, until ``successor_until``; ``why``, if told.
    ``leaving``, ``left``: withdrawing, withdrawn.
    """

    identity: str
    timings: Timings
    reclaims: bool = False
    ready: bool = False
    order: tuple[str, ...] = ()

    record: LeaseRecord | None = None
    unsure: bool = True
    blind: bool = False
    free_at: float = NEVER
    last_holder: str = ""
    floor: int = 0

    active: bool = False
    epoch: int = 0
    write_until: float = LONG_AGO
    renew_at: float = LONG_AGO

    pending: Pending | None = None
    lost: bool = False
    not_before: float = LONG_AGO
    stretch: int = 1
    calm: int = 0

    successor: str = ""
    successor_until: float = NEVER
    why: str = ""
    leaving: bool = False
    left: bool = False

    @property
    def holding(self) -> bool:
        """Whether the lease as last known is ours."""
        return self.record is not None and self.record.holder == self.identity


Step = tuple[Campaign, tuple[Action, ...]]
"""A campaign after something, and what it wants done or known."""


@dataclass(frozen=True, slots=True)
class Leadership:
    """Whether this gateway leads its cluster, since which epoch, and why.

    ``evidence`` are facts for people.
    """

    active: bool = False
    epoch: int = 0
    cause: str = "starting"
    evidence: str = field(default="", compare=False)


def may_write(state: Campaign, now: float) -> bool:
    """Whether this gateway may write for its cluster at this moment of its boot clock.

    True ends at (start of the last good renewal + deadline), before the lease can expire for
    anyone, and from the moment a successor is being named.
    """
    return state.active and now < state.write_until
