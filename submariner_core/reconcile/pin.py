"""Which gateway the operator wants to lead: noted on the own Cluster record in the datastore.

That record has one fixed name and every leader writes it, keeping what stands on it, so the note
outlives every gateway. It stays within the cluster: at the broker the record does not carry it.
"""

from __future__ import annotations

from dataclasses import replace

from submariner_core.api.model import ClusterObject
from submariner_core.api.naming import PINNED_ANNOTATION, sanitise
from submariner_core.api.transport import Kind, Ref
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import StoreView


def pinned(state: State) -> str:
    """The host name of the pinned gateway; empty for none.

    What the operator has told this very process counts before what is stored.
    """
    return stored_pin(state.datastore, state.cluster_id) if state.pin is None else state.pin


def stored_pin(view: StoreView, cluster_id: str) -> str:
    """The pin as the datastore has it, or had it before it was wiped; empty for none."""
    ref = Ref(Kind.CLUSTER, sanitise(cluster_id))
    stored = view.objects.get(ref)
    if stored is None and (departed := view.departed.get(ref)) is not None:
        stored = None if departed.deleted else departed.stored
    if not isinstance(stored, ClusterObject):
        return ""
    return stored.meta.annotations.get(PINNED_ANNOTATION, "")


def settle_pin(state: State) -> State:
    """Forget what the operator has told this process once it is stored."""
    if state.pin is None or stored_pin(state.datastore, state.cluster_id) != state.pin:
        return state
    return replace(state, pin=None)
