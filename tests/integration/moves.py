"""Changes of path, as the daemons of a lab publish them."""

from __future__ import annotations

from datetime import datetime

from submariner_lab import Lab
from submariner_lab.failover.noticed import FOLLOWED, LEADERSHIP

from submariner_core.api.model import Transition


def moves(lab: Lab, since: float = 0.0) -> list[Transition]:
    """Those that daemons made on evidence, from a Unix time on: all clocks of a lab are one."""
    stores = [cluster.store.site.name for cluster in lab.clusters]
    gateways = [one.status.transitions for name in stores for one in lab.view.gateways(name)]
    agents = [one.status.transitions for name in stores for one in lab.view.route_agents(name)]
    return [
        transition
        for transitions in (*gateways, *agents)
        for transition in transitions
        if transition.subject != LEADERSHIP
        and transition.cause != FOLLOWED
        and datetime.fromisoformat(transition.time).timestamp() >= since
    ]
