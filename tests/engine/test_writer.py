"""The leader's writes to one store."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from submariner_core.api.codec import encode
from submariner_core.api.errors import StoreError
from submariner_core.api.transport import Fence, Kind, Record, Ref
from submariner_core.engine.writer import ECHO, Writer
from submariner_core.reconcile.writes import DeleteRecord, PutRecord, Write
from submariner_core.testing import MemoryTransport
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint

pytestmark = pytest.mark.looptime


def put(cluster_id: str = "east", number: int = 1, epoch: int = 3) -> PutRecord:
    origin = None if cluster_id == "east" else cluster_id
    spec = endpoint(cluster_id, number)
    return PutRecord(encode(stored_endpoint(spec, origin=origin, epoch=epoch)))


CLUSTER = PutRecord(encode(stored_cluster("east", 3)))


class Noting(MemoryTransport):
    """Notes every call, with when it came; some records are refused."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[float, str]] = []
        self.refused: dict[Ref, Exception] = {}

    async def put(self, record: Record, fence: Fence | None) -> None:
        self._note(f"+{record.ref}", record.ref)
        await super().put(record, fence)

    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        self._note(f"-{ref}", ref)
        await super().delete(ref, fence)

    def _note(self, text: str, ref: Ref) -> None:
        self.calls.append((asyncio.get_running_loop().time(), text))
        if ref in self.refused:
            raise self.refused[ref]

    @property
    def words(self) -> list[str]:
        return [text for _, text in self.calls]


@dataclass
class Desk:
    """A writer at work."""

    transport: Noting = field(default_factory=Noting)
    may: bool = True
    stale: list[int] = field(default_factory=list)

    async def during(self, act: Callable[[Writer], None], seconds: float = 1.0) -> Writer:
        writer = Writer(
            "datastore",
            self.transport,
            "east",
            lambda: self.may,
            self.stale.append,
            clock=asyncio.get_running_loop().time,
        )
        task = asyncio.create_task(writer.run())
        act(writer)
        await asyncio.sleep(seconds)
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return writer


def offer(*writes: Write, epoch: int = 3) -> Callable[[Writer], None]:
    return lambda writer: writer.offer(writes, epoch)


def later(seconds: float, act: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(seconds, act)


OLD = DeleteRecord(put(number=9).record.ref)


async def test_writes_are_done_once_and_in_order() -> None:
    desk = Desk()
    await desk.during(offer(CLUSTER, put(), OLD))
    cluster, own = CLUSTER.record.ref, put().record.ref
    assert desk.transport.words == [f"+{cluster}", f"+{own}", f"-{OLD.ref}"]


async def test_a_store_that_refuses_the_epoch_is_told_of_and_asked_no_more() -> None:
    """Never again 1: a stale leader's write; the rest of its plan stays unwritten."""
    desk = Desk()
    await desk.transport.put(encode(stored_cluster("east", 7)), None)
    desk.transport.calls.clear()
    writer = await desk.during(offer(CLUSTER, put()), seconds=20)
    assert desk.stale == [7]
    assert desk.transport.words == [f"+{CLUSTER.record.ref}"]
    assert writer.refused == 1


async def test_after_a_refusal_a_higher_epoch_writes_again() -> None:
    desk = Desk()
    await desk.transport.put(encode(stored_cluster("east", 7)), None)

    def act(writer: Writer) -> None:
        offer(CLUSTER)(writer)
        raised = PutRecord(encode(stored_cluster("east", 8)))
        later(0.5, lambda: writer.offer((raised,), 8))

    await desk.during(act)
    stored = desk.transport.store.get(Kind.CLUSTER, "east")
    assert stored is not None
    assert stored.annotations["submariner.io/epoch"] == "8"


async def test_a_store_that_is_away_is_tried_again_with_growing_pauses() -> None:
    desk = Desk()
    desk.transport.store.go_away()
    later(2.0, desk.transport.store.come_back)
    with capture_logs() as logs:
        await desk.during(offer(put()), seconds=10)
    assert [one["event"] for one in logs] == ["write-failed", "put", "store-answers"]
    times = [at for at, _ in desk.transport.calls]
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert pauses == sorted(pauses)
    assert 4 <= len(times) <= 8
    assert desk.transport.store.get(*_name(put().record.ref)) is not None


async def test_a_newer_plan_waits_for_no_pause() -> None:
    """Never again 17: what the new leader must write does not wait for an older failure."""
    desk = Desk()
    desk.transport.refused[put(number=5).record.ref] = StoreError("no")

    def act(writer: Writer) -> None:
        offer(put(number=5))(writer)
        later(5.0, lambda: writer.offer((put(number=6),), 3))

    await desk.during(act, seconds=5.05)
    assert desk.transport.store.get(*_name(put(number=6).record.ref)) is not None


async def test_without_the_right_to_write_nothing_more_is_written() -> None:
    """Never again 1: the right ends by the clock, in the midst of a plan too."""
    desk = Desk()
    desk.transport.connection.latency = 0.2
    later(0.3, lambda: setattr(desk, "may", False))
    await desk.during(offer(CLUSTER, put(), OLD), seconds=5)
    assert desk.transport.words == [f"+{CLUSTER.record.ref}", f"+{put().record.ref}"]


async def test_what_was_left_unwritten_is_written_when_the_right_comes_back() -> None:
    desk = Desk(may=False)

    def act(writer: Writer) -> None:
        offer(CLUSTER)(writer)
        later(2.0, lambda: setattr(desk, "may", True))
        later(2.1, lambda: writer.offer((CLUSTER,), 3))

    await desk.during(act, seconds=4)
    assert desk.transport.words == [f"+{CLUSTER.record.ref}"]


async def test_a_passive_gateways_empty_plan_ends_all() -> None:
    desk = Desk(may=False)

    def act(writer: Writer) -> None:
        offer(CLUSTER)(writer)
        later(1.0, lambda: writer.offer((), 3))
        later(1.5, lambda: setattr(desk, "may", True))

    await desk.during(act, seconds=10)
    assert desk.transport.words == []


async def test_a_newer_plan_replaces_one_that_is_being_written() -> None:
    desk = Desk()
    desk.transport.connection.latency = 0.2

    def act(writer: Writer) -> None:
        offer(put(number=1), put(number=2))(writer)
        later(0.1, lambda: writer.offer((put(number=3),), 3))

    await desk.during(act, seconds=2)
    assert desk.transport.words == [f"+{put(number=n).record.ref}" for n in (1, 3)]


async def test_the_same_plan_is_not_written_twice_while_its_echo_is_on_the_way() -> None:
    desk = Desk()

    def act(writer: Writer) -> None:
        for moment in (0.0, 0.1, 0.5):
            later(moment, lambda: writer.offer((put(),), 3))

    await desk.during(act, seconds=ECHO / 2)
    assert len(desk.transport.words) == 1


async def test_the_same_plan_is_written_again_if_the_store_lost_it() -> None:
    """A store wiped right after a write: the plan is the same, and the work is not done."""
    desk = Desk()

    def act(writer: Writer) -> None:
        offer(put())(writer)
        later(0.5, desk.transport.store.wipe)
        later(ECHO + 1, lambda: writer.offer((put(),), 3))

    await desk.during(act, seconds=ECHO + 2)
    assert desk.transport.store.get(*_name(put().record.ref)) is not None


async def test_one_record_that_the_store_refuses_holds_up_no_other() -> None:
    """Never again 8: another cluster's bad record delays only itself."""
    desk = Desk()
    bad, good = put("west", 5), put("north", 6)
    desk.transport.refused[bad.record.ref] = StoreError("invalid: 422")
    await desk.during(offer(CLUSTER, bad, good), seconds=3)
    assert desk.transport.store.get(*_name(good.record.ref)) is not None
    assert desk.transport.words.count(f"+{bad.record.ref}") > 1


async def test_an_own_record_that_is_refused_stops_what_comes_after_it() -> None:
    """The Cluster raises the fence: without it, nothing may follow."""
    desk = Desk()
    desk.transport.refused[CLUSTER.record.ref] = StoreError("invalid: 422")
    await desk.during(offer(CLUSTER, put(), OLD), seconds=1)
    assert set(desk.transport.words) == {f"+{CLUSTER.record.ref}"}


async def test_a_transport_with_a_bug_is_a_failed_write() -> None:
    """Never again 10: no plugin stops the daemon."""
    desk = Desk()
    desk.transport.refused[put().record.ref] = TypeError("a bug")
    later(1.0, desk.transport.refused.clear)
    await desk.during(offer(put()), seconds=5)
    assert desk.transport.store.get(*_name(put().record.ref)) is not None


async def test_a_store_that_does_not_answer_is_given_up_and_tried_again() -> None:
    desk = Desk()
    desk.transport.connection.latency = 3600.0
    later(7.0, lambda: setattr(desk.transport.connection, "latency", 0.0))
    await desk.during(offer(put()), seconds=20)
    assert desk.transport.store.get(*_name(put().record.ref)) is not None


def _name(ref: Ref) -> tuple[Kind, str]:
    return ref.kind, ref.name
