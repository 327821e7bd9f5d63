"""The campaign for the lease: one pure state machine, the same for every lease store.

The lease changes hands in three cases only: it has no holder; its holder named a successor; it
has not changed for the holder's recorded duration on the observer's boot clock. (A process that
holds its host's lock takes what an earlier process of that host left.) Whoever takes the lease
raises the epoch in the same swap, above every epoch it has seen.

At most one request is in flight. A swap whose answer is lost may be carried out at any later
moment; it cannot do harm, because every swap that is known to be won changes the version.
"""

from __future__ import annotations

from submariner_core.reconcile.election_events import Event
from submariner_core.reconcile.election_fold import end_hand_over, fold
from submariner_core.reconcile.election_plan import plan
from submariner_core.reconcile.election_state import Campaign, Step


def step(state: Campaign, event: Event, now: float) -> Step:
    """Fold one event at the boot-clock moment ``now`` and say what to do next.

    Every request among the actions must be answered by exactly one event. Pure: the same
    arguments always give the same result.
    """
    state, told = fold(state, event, now)
    state, ended = end_hand_over(state, now)
    state, asked = plan(state, now)
    return state, (*told, *ended, *asked)
