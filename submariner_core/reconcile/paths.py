"""Which gateway carries: the leader, unless this sender's own probes say that it cannot.

The same decision serves a gateway (which cable to a remote cluster) and a route agent (which
gateway of its own cluster). It is local evidence against the leader's word: a sender moves away
from a gateway that does not answer to a standby that does, without asking any store; it comes
back when the leader has been clean for a while; and it stops moving on its own when that happens
too often. A higher epoch overrides, except towards a gateway whose probes fail here.

A process that starts takes over what carries from the kernel: an earlier one may have moved.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from submariner_core.api.model import ConnectionStatus

CLEAN = 10.0
"""Seconds for which the leader must answer before traffic returns to it; doubled by each move."""
CLEAN_LONGEST = 300.0
MOVES, MOVES_WITHIN = 3, 300.0
"""After this many moves within so many seconds, follow the leader only."""


INHERITED = 10.0
"""Seconds for which a new process keeps to what it found, while it knows nothing of the leader."""


class Verdict(enum.Enum):
    """What this sender knows of a path that is there."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


_VERDICTS = {ConnectionStatus.CONNECTED: Verdict.UP, ConnectionStatus.ERROR: Verdict.DOWN}


def verdict_of(status: ConnectionStatus) -> Verdict:
    """The verdict on a path whose probes show ``status``."""
    return _VERDICTS.get(status, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of one destination. Times are in seconds of the boot clock.

    ``clean`` is for how long the leader must answer before a return, ``clean_since`` since when it
    has; ``moves`` are the times of the latest moves on evidence. Until ``kept_until`` what was
    inherited stays without a verdict on the leader.
    """

    leader: str | None = None
    epoch: int | None = None
    carries: str | None = None
    clean: float = CLEAN
    clean_since: float | None = None
    moves: tuple[float, ...] = ()
    kept_until: float | None = None


def inherit(carries: str, now: float) -> Memory:
    """What a process remembers that knows only what carries, from the kernel.

    That stays so until the probes have a verdict on the leader, but not for long without one.
    """
    return Memory(carries=carries, kept_until=now + INHERITED)


@dataclass(frozen=True, slots=True)
class Choice:
    """The path that carries now, why it changed if it did, and when to choose again."""

    memory: Memory
    cause: str = ""
    wake_at: float | None = None

    @property
    def carries(self) -> str | None:
        """The name of the path, ``None`` while there is none."""
        return self.memory.carries


def choose_path(
    memory: Memory,
    leader: str | None,
    listed: Sequence[str],
    epoch: int | None,
    verdicts: Mapping[str, Verdict],
    now: float,
    *,
    evidence: bool = True,
) -> Choice:
    """Choose among the paths in ``verdicts``; only these are there to be used.

    ``listed`` are the current leader's list, in order; a path outside it may carry on until the
    leader's is there, but nobody moves to it. Without ``evidence`` the leader is followed as soon
    as its path is there.
    """
    if (leader, epoch) != (memory.leader, memory.epoch):
        first = (memory.leader, memory.epoch) == (None, None)
        kept_until = memory.kept_until if first else None
        memory = Memory(leader, epoch, memory.carries, kept_until=kept_until)
    if not evidence:
        return _settle(memory, _follow(memory, leader, listed, verdicts), "the leader's path")
    current = memory.carries
    verdict = verdicts.get(leader) if leader is not None else None
    if current is None or current not in verdicts:
        target = leader if verdict not in (None, Verdict.DOWN) else None
        target = target or _first_up(None, listed, verdicts)
        target = target or _follow(memory, leader, listed, verdicts)
        return _settle(memory, target, "no path before")
    if current == leader:
        memory = replace(memory, kept_until=None)
        if verdict is not Verdict.DOWN or _damped(memory, now):
            return Choice(memory)
        standby = _first_up(None, [name for name in listed if name != leader], verdicts)
        return _move(memory, standby, now) if standby is not None else Choice(memory)
    if memory.kept_until is not None:
        blind = verdict in (None, Verdict.UNKNOWN) and verdicts[current] is not Verdict.DOWN
        if blind and now < memory.kept_until:
            return Choice(memory, wake_at=memory.kept_until)
        moves = (now,) if verdict is Verdict.DOWN else ()  # as the earlier process did
        memory = replace(memory, moves=moves, kept_until=None)
    return _away(memory, current, leader, listed, verdicts, now)


def _away(
    memory: Memory,
    current: str,
    leader: str | None,
    listed: Sequence[str],
    verdicts: Mapping[str, Verdict],
    now: float,
) -> Choice:
    """What carries is not the leader: go (back) to it as soon as that is right."""
    verdict = verdicts.get(leader) if leader is not None else None
    moved = bool(memory.moves)
    if verdict is not None and not moved and verdict is not Verdict.DOWN:
        return _settle(memory, leader, "a new leader")
    if verdict is not None and _damped(memory, now):
        return _settle(memory, leader, "moved too often: following the leader")
    if verdict is Verdict.UP:
        since = memory.clean_since if memory.clean_since is not None else now
        if now - since >= memory.clean or verdicts[current] is Verdict.DOWN:
            return _settle(memory, leader, f"the leader answers for {now - since:.0f} s")
        return Choice(replace(memory, clean_since=since), wake_at=since + memory.clean)
    memory = replace(memory, clean_since=None)
    if verdicts[current] is Verdict.DOWN and not _damped(memory, now):
        others = [name for name in listed if name not in (leader, current)]
        standby = _first_up(None, others, verdicts)
        if standby is not None:
            return _move(memory, standby, now)
    return Choice(memory)


def _follow(
    memory: Memory,
    leader: str | None,
    listed: Sequence[str],
    verdicts: Mapping[str, Verdict],
) -> str | None:
    """The leader's path if it is there, else what carries now, else the first of the list."""
    for name in (leader, memory.carries, *listed):
        if name is not None and name in verdicts:
            return name
    return None


def _first_up(
    leader: str | None, listed: Sequence[str], verdicts: Mapping[str, Verdict]
) -> str | None:
    names = (leader, *listed) if leader is not None else listed
    return next((name for name in names if verdicts.get(name or "") is Verdict.UP), None)


def _damped(memory: Memory, now: float) -> bool:
    return len([at for at in memory.moves if now - at < MOVES_WITHIN]) >= MOVES


def _move(memory: Memory, target: str, now: float) -> Choice:
    """A move on evidence: counted, and the way back gets longer."""
    moves = (*(at for at in memory.moves if now - at < MOVES_WITHIN), now)
    clean = min(CLEAN_LONGEST, memory.clean * 2) if memory.moves else memory.clean
    moved = replace(memory, carries=target, moves=moves, clean=clean, clean_since=None)
    return Choice(moved, f"{memory.carries} does not answer")


def _settle(memory: Memory, target: str | None, cause: str) -> Choice:
    if target == memory.carries:
        return Choice(memory)
    return Choice(replace(memory, carries=target, clean_since=None, kept_until=None), cause)
