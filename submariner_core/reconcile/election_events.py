"""What a campaign is told. Every ``at`` is in seconds of the observer's boot clock."""

from __future__ import annotations

from dataclasses import dataclass

from submariner_core.api.lease import LeaseRecord


@dataclass(frozen=True, slots=True)
class Watched:
    """The watch yielded this record, received at ``at``. A watch may lag behind the store."""

    record: LeaseRecord | None
    at: float


@dataclass(frozen=True, slots=True)
class ReadDone:
    """The answer to a :class:`Read`, received at ``at``: as of some moment after it was asked."""

    record: LeaseRecord | None
    at: float


@dataclass(frozen=True, slots=True)
class SwapWon:
    """The answer to a :class:`Swap`, received at ``at``: written, and this is how it is stored."""

    record: LeaseRecord
    at: float


@dataclass(frozen=True, slots=True)
class SwapLost:
    """The answer to a :class:`Swap`, received at ``at``: the record was not the expected one."""

    at: float


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The request in flight has no answer; a swap may have been carried out, or still may be.

    ``slow``: it took all its time, as against a store that refused at once.
    """

    slow: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment asked for by :class:`WakeAt` has come. One too many does no harm."""


@dataclass(frozen=True, slots=True)
class ReadyChanged:
    """Whether this gateway could carry the traffic now."""

    ready: bool


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """The ready gateways of the last list, in its order, as host names or identities."""

    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EpochSeen:
    """The highest epoch of the own cluster's objects at a store; never taken back."""

    epoch: int


@dataclass(frozen=True, slots=True)
class HandOver:
    """Name this gateway (identity or host name) as successor, if we hold the lease; and why."""

    successor: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """This process is about to exit: release the lease if it is ours, contend no more."""


Event = (
    Watched
    | ReadDone
    | SwapWon
    | SwapLost
    | StoreFailed
    | Tick
    | ReadyChanged
    | OrderChanged
    | EpochSeen
    | HandOver
    | Withdraw
)
