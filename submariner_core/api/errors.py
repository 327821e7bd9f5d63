"""Every error that crosses a contract.

A message names the thing, what was expected, and what to do about it.
"""

from __future__ import annotations


class SubmarinerError(Exception):
    """Base of every error this project raises on purpose."""


class ConfigError(SubmarinerError):
    """A setting is wrong; the message starts with ``file:line:column``."""


class PluginError(SubmarinerError):
    """A plugin cannot be found, loaded, or does not keep its contract."""


class CableError(SubmarinerError):
    """A cable or its device cannot be made so; the core tries again with back-off."""


class RouteError(SubmarinerError):
    """A node's routes or packet filter cannot be made so; the core tries again."""


class StoreError(SubmarinerError):
    """A datastore, broker or lease store refused or failed."""


class StoreUnavailable(StoreError):
    """The store cannot be reached now; the caller holds what it has and tries again."""


class KindForbidden(StoreError):
    """The store does not let us read a kind; the message says who could grant it.

    ``kind`` is the kind's name. The core goes on without a kind that it can do without.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class StaleEpoch(StoreError):
    """A write carried a lower epoch than the store holds: another gateway leads.

    ``stored`` is the epoch that the store holds.
    """

    def __init__(self, stored: int, offered: int, cluster_id: str) -> None:
        self.stored = stored
        self.offered = offered
        self.cluster_id = cluster_id
        super().__init__(
            f"cluster {cluster_id!r}: the store holds epoch {stored}, this write carried {offered}"
        )


class RecordMalformed(StoreError):
    """A stored record is not what its kind requires; it is refused and named, the rest goes on.

    The message can be printed and logged, whatever the record holds.
    """

    def __init__(self, ref: object, field: str, reason: str) -> None:
        self.ref = ref
        self.field = field
        self.reason = reason
        text = f"{ref}: {field}: {reason}"[:1000]
        super().__init__(text.encode("utf-8", "backslashreplace").decode("utf-8"))
