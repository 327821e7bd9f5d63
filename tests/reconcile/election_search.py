"""Every world that candidates for one lease can get into, breadth first.

Nothing is forced to happen. A process that is not given its tick is stopped and may be continued
at any later time; a request that is not carried out is cut off from the store; an answer that is
not delivered is lost; a swap whose sender gave it up may still be carried out. A tick of time may
pass at any moment: for each process that still had something to do that is one delay. What is
told to a candidate from outside, crashes, and, where that is too much, delays are limited by a
Budget.

Worlds are tuples of small numbers: every process and record is kept once, in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election import step
from submariner_core.reconcile.election_actions import Swap
from submariner_core.reconcile.election_events import (
    EpochSeen,
    Event,
    HandOver,
    ReadDone,
    ReadyChanged,
    StoreFailed,
    SwapLost,
    SwapWon,
    Tick,
    Watched,
    Withdraw,
)
from submariner_core.reconcile.election_identity import host_of
from submariner_core.reconcile.election_state import Campaign, may_write
from tests.reconcile.election_process import (
    CURRENT,
    EPOCH,
    OTHER,
    Process,
    Step,
    answered,
    later,
    outdate,
    tell,
)
from tests.reconcile.election_world import Budget, Move, Report, Table, ViolationError, World

PATIENCE = 60
"""Ticks without any fault within which somebody must lead."""


class Search:
    """All histories of these candidates, under the rules given (the real ones unless mutated).

    ``careless``: a store that carries out a late swap whatever it holds, to see it found out.
    """

    def __init__(
        self,
        candidates: Sequence[Campaign],
        budget: Budget,
        *,
        rule: Step = step,
        careless: bool = False,
    ) -> None:
        self._candidates = candidates
        self._budget = budget
        self._rule = rule
        self._careless = careless
        self._processes: Table[Process] = Table()
        self._records: Table[LeaseRecord | None] = Table()
        self._live: dict[World, int] = {}
        processes = self._processes
        self._tell = cache(self._tell_uncached)
        self._moves_of = cache(self._moves_of_uncached)
        self._prompt = cache(self._prompt_uncached)
        self._later = cache(lambda pid: processes.number(later(processes[pid])))
        self._outdate = cache(lambda pid, by: processes.number(outdate(processes[pid], by)))
        self._writes = cache(lambda p: processes[p].up and may_write(processes[p].state, 0.0))
        self._swap = cache(self._swap_uncached)
        self._answer = cache(lambda pid, said: processes.number(answered(processes[pid], said)))
        self._busy = cache(lambda p, r: self._swap(p, r) is not None or self._prompt(p, r) != p)

    def explore(self, delays: int | None = None) -> Report:
        """Look at every world that so many delays lead to (``None``: at every world there is).

        Raises :class:`ViolationError` with a history of the first violation found.
        """
        ahead: list[list[tuple[World, World | None]]] = [[] for _ in range((delays or 0) + 1)]
        ahead[-1].append((self._first(), None))
        came_from: dict[World, World | None] = {}
        moves = slowest = 0
        while ahead:
            # Those with most delays left come first, so that each world is looked at once.
            for world, before in ahead[-1]:
                if world in came_from:
                    continue
                came_from[world] = before
                try:
                    self._check(world)
                    slowest = max(slowest, self._patience(world))
                    for _, after, cost in self._moves(world):
                        moves += 1
                        left = len(ahead) - 1 - (cost if delays is not None else 0)
                        if left >= 0 and after not in came_from:
                            ahead[left].append((after, world))
                except ViolationError as violation:
                    history = "\n".join(self._history(came_from, world))
                    raise ViolationError(f"{violation}:\n{history}") from None
            ahead.pop()
        return Report(len(came_from), moves, slowest)

    # ---- what can happen

    def _first(self) -> World:
        started = tuple(self._start(campaign) for campaign in self._candidates)
        return World(started, self._records.number(None), (), self._budget)

    def _start(self, campaign: Campaign) -> int:
        return self._processes.number(tell(Process(campaign), Tick(), self._rule))

    def _moves(self, world: World) -> Iterator[tuple[str, World, int]]:
        """What is done, the world after, and how many delays that takes."""
        processes, record, late, budget = world
        delayed = sum(self._busy(pid, record) for pid in processes)
        aged = tuple(map(self._later, processes))
        yield "time passes", World(aged, record, late, budget), delayed
        for number in late:
            yield "a late swap is carried out", self._store(world, number)[0], 0
        for index, pid in enumerate(processes):
            if (new := self._swap(pid, record)) is not None:
                yield f"{index} swaps", self._carry_out(world, index, new), 0
            for label, after, cost, orphan in self._moves_of(pid, record):
                left = budget
                if cost:
                    if not getattr(budget, cost):
                        continue
                    left = budget._replace(**{cost: getattr(budget, cost) - 1})
                kept = late
                if orphan is not None and orphan not in late:
                    kept = tuple(sorted((*late, orphan)))
                now = (*processes[:index], after, *processes[index + 1 :])
                yield label, World(now, record, kept, left), 0

    def _moves_of_uncached(self, pid: int, record: int) -> tuple[Move, ...]:
        name = self._processes[pid].state.identity
        cold = next(c for c in self._candidates if host_of(c.identity) == host_of(name))
        if not self._processes[pid].up:
            again = replace(cold, identity=f"{cold.identity}-again", reclaims=True)
            return (Move(f"{name} restarts", self._start(again), "restarts"),)
        dead = self._processes.number(Process(replace(cold, identity=name), up=False))
        crash = Move(f"{name} crashes", dead, "crashes", self._swap(pid, record))
        return (crash, *self._hearing(pid, record), *self._telling(pid, record, cold))

    def _hearing(self, pid: int, record: int) -> Iterator[Move]:
        """What goes on between a process and the store, by itself."""
        process, stored = self._processes[pid], self._records[record]
        name = process.state.identity
        orphan = self._swap(pid, record)
        if process.answer is not None:
            yield Move(f"{name} hears the answer", self._tell(pid, process.answer))
        if process.request is not None:
            after = self._tell(pid, StoreFailed(slow=False))
            yield Move(f"{name} cannot reach the store", after, "refusals")
            if orphan is None:
                yield Move(f"{name} is heard by the store", self._heard(pid, stored))
        if process.overdue:
            after = self._tell(pid, StoreFailed(slow=True))
            yield Move(f"{name} gives up waiting", after, orphan=orphan)
        if process.wake <= 0:
            yield Move(f"{name} wakes", self._tell(pid, Tick()))
        if _version(process.state.record) != _version(stored):
            yield Move(f"{name} is shown the record", self._tell(pid, Watched(stored, 0.0)))

    def _telling(self, pid: int, record: int, cold: Campaign) -> Iterator[Move]:
        """What a process may be told besides, for a price."""
        state, stored = self._processes[pid].state, self._records[record]
        events: list[tuple[Event, str]] = [(ReadyChanged(not state.ready), "unready")]
        others = [other.identity for other in self._candidates if other is not cold]
        if state.active:
            events += [(HandOver(other), "hand_overs") for other in others]
        if not state.leaving:
            events.append((Withdraw(), "withdrawals"))
        if stored is not None:
            duration = state.timings.duration
            past = LeaseRecord(others[0], EPOCH - 1, duration, state.identity, version=OTHER)
            events += [(EpochSeen(EPOCH + 1), "rumours"), (Watched(past, 0.0), "echoes")]
        for event, cost in events:
            yield Move(f"{state.identity} is told {event}", self._tell(pid, event), cost)

    # ---- the store

    def _swap_uncached(self, pid: int, record: int) -> int | None:
        """The number of the record that this process's swap would store, if it came now."""
        request, stored = self._processes[pid].request, self._records[record]
        if not isinstance(request, Swap) or _version(request.expected) != _version(stored):
            return None
        return self._records.number(request.new)

    def _heard(self, pid: int, stored: LeaseRecord | None) -> int:
        """The store has read, or refused a swap that expected another record."""
        process = self._processes[pid]
        lost = isinstance(process.request, Swap)
        return self._answer(pid, SwapLost(0.0) if lost else ReadDone(stored, 0.0))

    def _carry_out(self, world: World, index: int, new: int) -> World:
        """The store writes; the answer waits to be delivered."""
        after, written, rise = self._store(world, new)
        pid = self._outdate(world.processes[index], rise)
        pid = self._answer(pid, SwapWon(written, 0.0))
        return _put(after, index, pid)

    def _store(self, world: World, new: int) -> tuple[World, LeaseRecord, int]:
        """Write a record; the world after, the record as stored, by how much its epoch rose."""
        before, record = self._records[world.record], self._records[new]
        assert record is not None
        rise = record.epoch - EPOCH
        if before is not None and rise < 0:
            raise ViolationError(f"{record.holder} lowers the epoch")
        if before is not None and rise == 0 and record.holder not in ("", before.holder):
            raise ViolationError(f"{before.holder} and {record.holder} hold the same epoch")
        late: tuple[int, ...] = ()
        if self._careless:
            late = tuple(self._lowered(number, rise) for number in world.late if number != new)
        written = replace(record, version=CURRENT, epoch=EPOCH)
        processes = tuple(self._outdate(pid, rise) for pid in world.processes)
        number = self._records.number(written)
        return World(processes, number, late, world.budget), written, rise

    def _lowered(self, number: int, by: int) -> int:
        record = self._records[number]
        assert record is not None
        return self._records.number(replace(record, epoch=record.epoch - by))

    def _tell_uncached(self, pid: int, event: Event) -> int:
        return self._processes.number(tell(self._processes[pid], event, self._rule))

    # ---- what must hold

    def _check(self, world: World) -> None:
        writers = [self._name(pid) for pid in world.processes if self._writes(pid)]
        if len(writers) > 1:
            raise ViolationError(f"{' and '.join(writers)} may write at once")
        stored = self._records[world.record]
        for pid in world.processes:
            state = self._processes[pid].state
            others = stored is None or stored.holder != state.identity
            if state.active and state.epoch >= EPOCH and others:
                raise ViolationError(f"{state.identity} leads with another's epoch")

    def _patience(self, world: World) -> int:
        """Ticks until somebody may write if from now on everything works at once."""
        chain: list[World] = []
        while world not in self._live and not any(map(self._writes, world.processes)):
            if not any(map(self._contends, world.processes)):
                break
            if len(chain) > PATIENCE:
                raise ViolationError(f"nobody leads within {PATIENCE} ticks without a fault")
            chain.append(world)
            world = self._settled(world)
            if not any(map(self._writes, world.processes)):
                aged = tuple(map(self._later, world.processes))
                world = World(aged, world.record, (), world.budget)
        ticks = self._live.get(world, -1)
        for earlier in reversed(chain):
            ticks += 1
            self._live[earlier] = ticks
        return max(ticks, 0)

    def _settled(self, world: World) -> World:
        """All that can happen at this moment has happened, none of it a fault."""
        world = World(world.processes, world.record, (), world.budget)
        moved = True
        while moved:
            moved = False
            for index in range(len(world.processes)):
                pid = self._prompt(world.processes[index], world.record)
                if pid != world.processes[index]:
                    world, moved = _put(world, index, pid), True
                if (new := self._swap(pid, world.record)) is not None:
                    world, moved = self._carry_out(world, index, new), True
        return world

    def _prompt_uncached(self, pid: int, record: int) -> int:
        """What becomes of this process at once, until it has nothing to do or wants to swap."""
        stored = self._records[record]
        while (process := self._processes[pid]).up:
            before = pid
            if process.answer is not None:
                pid = self._tell(pid, process.answer)
            elif self._swap(pid, record) is not None:
                return pid
            elif process.request is not None:
                pid = self._heard(pid, stored)
            elif process.wake <= 0:
                pid = self._tell(pid, Tick())
            elif _version(process.state.record) != _version(stored):
                pid = self._tell(pid, Watched(stored, 0.0))
            if pid == before:
                break
        return pid

    def _contends(self, pid: int) -> bool:
        process = self._processes[pid]
        return process.up and not process.state.leaving

    def _name(self, pid: int) -> str:
        return self._processes[pid].state.identity

    def _history(self, came_from: dict[World, World | None], world: World) -> list[str]:
        lines: list[str] = []
        while (before := came_from[world]) is not None:
            lines.append(next(label for label, after, _ in self._moves(before) if after == world))
            world = before
        return lines[::-1]


def _put(world: World, index: int, pid: int) -> World:
    processes = (*world.processes[:index], pid, *world.processes[index + 1 :])
    return World(processes, world.record, world.late, world.budget)


def _version(record: LeaseRecord | None) -> str | None:
    return record.version if record is not None else None
