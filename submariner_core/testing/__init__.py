"""In-memory twins of the contracts, for the core's own tests and for authors of plugins.

Each twin keeps the promises of its contract and adds switches for what goes wrong in the field:
stores that cannot be reached, are wiped or restored from an old backup, answers that get lost,
cables that fail or hang, and a process that dies after any given action.
"""

from submariner_core.testing.cable import MemoryCableDriver
from submariner_core.testing.extension import RecordingExtension
from submariner_core.testing.host import Crash, MemoryHost
from submariner_core.testing.lease import MemoryLease, MemoryLeaseStore
from submariner_core.testing.route import MemoryRouteDriver
from submariner_core.testing.store import MemoryStore, StoreImage
from submariner_core.testing.transport import MemoryTransport

__all__ = [
    "Crash",
    "MemoryCableDriver",
    "MemoryHost",
    "MemoryLease",
    "MemoryLeaseStore",
    "MemoryRouteDriver",
    "MemoryStore",
    "MemoryTransport",
    "RecordingExtension",
    "StoreImage",
]
