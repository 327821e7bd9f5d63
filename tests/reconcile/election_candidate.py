"""One candidate under test: told what happens, asked what it does about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election import step
from submariner_core.reconcile.election_actions import (
    Action,
    Read,
    Swap,
)
from submariner_core.reconcile.election_events import (
    Event,
    ReadDone,
    SwapWon,
    Tick,
)
from submariner_core.reconcile.election_state import Campaign, may_write
from submariner_core.reconcile.election_timings import Timings

ME, PEER, THIRD = "me_0a1b2c3d_1", "peer_0a1b2c3d_1", "third_0a1b2c3d_1"
BOOT = 5000.0
"""Where our boot clock stands when a test begins."""


@dataclass
class Told:
    """A campaign under way; times are seconds since the test began."""

    state: Campaign = field(default_factory=lambda: Campaign(ME, Timings(), ready=True))
    actions: tuple[Action, ...] = ()
    versions: int = 0

    def tell(self, event: Event, at: float) -> tuple[Action, ...]:
        self.state, self.actions = step(self.state, event, BOOT + at)
        return self.actions

    def read(self, record: LeaseRecord | None, at: float = 0.0) -> tuple[Action, ...]:
        """Start, and find this record."""
        assert self.tell(Tick(), at) == (Read(0.5),)
        return self.tell(ReadDone(record, BOOT + at), at)

    def win(self, at: float) -> tuple[Action, ...]:
        """The swap asked for last is carried out."""
        return self.tell(SwapWon(self.stored(), BOOT + at), at)

    def stored(self) -> LeaseRecord:
        """What the swap asked for last makes of the record."""
        self.versions += 1
        assert self.state.pending is not None
        request = self.state.pending.request
        assert isinstance(request, Swap)
        return replace(request.new, version=f"v{self.versions}")

    def swap(self) -> LeaseRecord:
        """The only action is a swap; this is what it would write."""
        (action,) = self.actions
        assert isinstance(action, Swap)
        return action.new

    def may_write(self, at: float) -> bool:
        return may_write(self.state, BOOT + at)


def held(holder: str = PEER, **changes: object) -> LeaseRecord:
    return replace(LeaseRecord(holder, 7, 3.0, version="p1"), **changes)  # type: ignore[arg-type]


def leading() -> Told:
    """We took a lease without a holder at 0, epoch 1."""
    told = Told()
    told.read(None)
    told.win(0.0)
    return told
