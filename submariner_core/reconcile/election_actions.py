"""What a campaign wants done or known."""

from __future__ import annotations

from dataclasses import dataclass, field

from submariner_core.api.lease import LeaseRecord


@dataclass(frozen=True, slots=True)
class Swap:
    """Compare and swap: SwapWon, SwapLost, or StoreFailed after ``timeout`` seconds answers."""

    expected: LeaseRecord | None
    new: LeaseRecord
    timeout: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read the record: ReadDone, or StoreFailed after ``timeout`` seconds answers."""

    timeout: float


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a Tick at this moment of the boot clock; takes the place of any earlier one."""

    at: float


@dataclass(frozen=True, slots=True)
class BecameActive:
    """This gateway leads with this epoch; told again when a leader's epoch is raised.

    ``evidence`` are facts for people.
    """

    epoch: int
    cause: str
    evidence: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class BecamePassive:
    """This gateway leads no longer. ``epoch`` is the highest one known."""

    epoch: int
    cause: str


@dataclass(frozen=True, slots=True)
class HandOverEnded:
    """The successor took the lease, or (in time) did not."""

    successor: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """No longer a candidate; ``released`` tells whether a lease of ours was given back."""

    released: bool


Request = Swap | Read
Action = Request | WakeAt | BecameActive | BecamePassive | HandOverEnded | Withdrawn
