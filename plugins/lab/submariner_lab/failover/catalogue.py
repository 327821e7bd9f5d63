"""Every scenario, by name."""

from __future__ import annotations

from submariner_lab.failover import agents, gateways, nodes, peace, stores, underlay
from submariner_lab.failover.scenario import Scenario

ORDER = (
    "power-off", "kill", "sigterm", "hand-over", "upgrade", "agent-restart", "sigstop",
    "partition-standby", "partition-remote", "partition-actives", "uplink-lost", "broker-away",
    "datastore-away", "standby-dies", "both-die", "fault-free",
)  # fmt: skip
_ALL = {
    one.name: one
    for part in (agents, gateways, nodes, peace, stores, underlay)
    for one in part.SCENARIOS
}
SCENARIOS: dict[str, Scenario] = {name: _ALL[name] for name in ORDER}
ASKED = frozenset({"fault-free"})
"""Those that are carried out only when they are asked for: they are no fault."""
SIMILAR = frozenset({"partition-actives"})
"""Those that ``--quick`` leaves out unless they are asked for: another one is much the same."""
