"""Clusters of network namespaces on one machine, real daemons inside, and real faults."""

from __future__ import annotations

from submariner_lab.cluster import Cluster
from submariner_lab.errors import LabError, LabTimeout
from submariner_lab.flow import Flow, FlowReport
from submariner_lab.lab import Lab
from submariner_lab.losses import Losses
from submariner_lab.node import Node
from submariner_lab.reach import Protocol, Seen, Unreached
from submariner_lab.spec import LabSpec
from submariner_lab.store import Store
from submariner_lab.tcp import Stream, StreamReport

__all__ = [
    "Cluster",
    "Flow",
    "FlowReport",
    "Lab",
    "LabError",
    "LabSpec",
    "LabTimeout",
    "Losses",
    "Node",
    "Protocol",
    "Seen",
    "Store",
    "Stream",
    "StreamReport",
    "Unreached",
]
