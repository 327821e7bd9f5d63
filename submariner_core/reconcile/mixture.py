"""A cluster in which upstream's daemons still run beside ours: who, and what to do first."""

from __future__ import annotations

from submariner_core.api.naming import ADDRESS_ANNOTATION
from submariner_core.api.transport import Kind
from submariner_core.reconcile.election_identity import is_ours
from submariner_core.reconcile.stores import StoreView

ORDER = "replace upstream's route agents first, then its gateways"


def mixture(datastore: StoreView, holder: str) -> tuple[str, ...]:
    """A sentence for each thing that is in the wrong order; ``holder`` is the lease's, if any.

    Nodes whose RouteAgents are upstream's follow one Endpoint and know no standby; a gateway of
    upstream's that leads hands nothing over.
    """
    nodes = sorted(
        ref.name
        for ref, reason in datastore.malformed.items()
        if ref.kind is Kind.ROUTE_AGENT and ADDRESS_ANNOTATION in reason
    )
    foreign = holder if holder and not is_ours(holder) else ""
    found = []
    if nodes:
        found.append(f"the route agents of {', '.join(nodes)} are upstream's: {ORDER}")
    elif foreign and datastore.seen and not datastore.route_agents():
        found.append(f"no node has a route agent of ours: {ORDER}")
    if foreign:
        found.append(
            f"the lease is held by {foreign}, which is no gateway of ours: it hands nothing over; "
            "replace it once all route agents are ours"
        )
    return tuple(found)
