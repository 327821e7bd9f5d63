"""What happened at this gateway, for people and for observers: roles, moves, connections."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import structlog

from submariner_core.api.model import Connection, HAStatus, Transition
from submariner_core.daemon.clock import Clock
from submariner_core.engine.metrics import cause_label
from submariner_core.loading.facade import Hooks
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.evidence import Seen, evidence

KEPT = 20
"""Transitions that are remembered."""

log = structlog.get_logger("submariner.gateway")


class Diary:
    """Tells observers of each change once, and remembers the last of them.

    Times are the wall clock's: they are read by people, and never compared. ``seen`` tells what
    the probes of a cable have shown.
    """

    def __init__(self, hooks: Hooks, seen: Callable[[str], Seen | None], clock: Clock) -> None:
        self._hooks = hooks
        self._seen = seen
        self._clock = clock
        self._role = HAStatus.PASSIVE
        self._told: dict[str, Connection] = {}
        self.transitions: tuple[Transition, ...] = ()
        self.causes: Counter[str] = Counter()
        """Changes of leadership by cause."""
        self.moves: Counter[str] = Counter()
        """Changes of what carries to a cluster, by cause."""
        self.since: Mapping[str, float] = {}
        """The Unix time at which each cable was first seen to be made."""

    def led(self, leadership: Leadership) -> None:
        """The role or its epoch changed."""
        before, self._role = (
            self._role,
            HAStatus.ACTIVE if leadership.active else HAStatus.PASSIVE,
        )
        self.causes[cause_label(leadership.cause)] += 1
        self._remember(
            Transition(
                time=_now(),
                subject="leadership",
                before=before.value,
                after=self._role.value,
                epoch=leadership.epoch,
                cause=leadership.cause,
                evidence=leadership.evidence,
            )
        )
        self._hooks.leadership_changed(leadership.active, leadership.epoch, leadership.cause)

    def moved(self, cluster: str, before: str, after: str, epoch: int, cause: str) -> None:
        """Another cable carries to a cluster."""
        facts = evidence(self._seen(before), self._seen(after), self._clock())
        log.info(
            "path-moved",
            cluster=cluster,
            before=before,
            after=after,
            cause=cause,
            evidence=facts,
        )
        self.moves[cause_label(cause)] += 1
        moved = Transition(_now(), f"path to {cluster}", before, after, epoch, cause, facts)
        self._remember(moved)
        self._hooks.path_moved(moved)

    def connections(self, now: Iterable[Connection], made: Iterable[str]) -> None:
        """The connections as they are now; ``made`` names the cables that are there."""
        found = {connection.endpoint.cable_name: connection for connection in now}
        for name, connection in found.items():
            previous = self._told.get(name)
            if previous is None or previous.status != connection.status:
                self._hooks.connection_changed(connection, previous)
        self._told = found
        at = time.time()
        self.since = {name: self.since.get(name, at) for name in made if name in found}

    def _remember(self, transition: Transition) -> None:
        self.transitions = (*self.transitions, transition)[-KEPT:]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
