"""Watches over the cables of all own gateways, and tells which of them stay down."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import structlog

from submariner_core.api.model import Connection
from submariner_core.reconcile.gaps import Gap, GapKey, View, gaps, lasting_gaps
from submariner_core.reconcile.state import State
from submariner_core.reconcile.sync import live_gateways

log = structlog.get_logger("submariner.engine")


class Standbys:
    """``slotted`` are the drivers that reach a peer at its port plus the own slot."""

    def __init__(self, slotted: Collection[str]) -> None:
        self._slotted = slotted
        self._since: Mapping[GapKey, float] = {}
        self.missing: tuple[Gap, ...] = ()
        """Cables that have been down for long; none unless this gateway is active."""

    def look(self, state: State, own: tuple[Connection, ...], now: float) -> float | None:
        """Take the present in; the moment of the boot clock at which to look again."""
        if state.own is None or not state.leadership.active:
            self._since, self.missing = {}, ()
            return None
        mine = state.own.endpoint
        views = [View(mine.hostname, state.own.slot, own)]
        views += [
            View(one.status.local_endpoint.hostname, one.status.slot, one.status.connections)
            for one in live_gateways(state.datastore, now)
            if one.status.local_endpoint.cable_name != mine.cable_name
        ]
        found = gaps(views, self._slotted)
        before = {gap.key for gap in self.missing}
        self._since, self.missing, again = lasting_gaps(self._since, found, now)
        for gap in self.missing:
            if gap.key not in before:
                log.warning("cable-missing", gateway=gap.key[0], reason=str(gap))
        return again
