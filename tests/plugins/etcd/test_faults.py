"""An etcd that dies, hangs, is rebuilt or holds what nobody of ours wrote."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from submariner_etcd.client import EtcdClient
from submariner_etcd.keys import Found, put, unchanged
from submariner_etcd.options import EtcdOptions
from submariner_etcd.watch import Compacted

from submariner_core.api.codec import decode
from submariner_core.api.errors import RecordMalformed, StoreError, StoreUnavailable
from submariner_core.api.lease import LeaseRecord
from submariner_core.api.transport import Event, Kind, Put, Record, Ref, Snapshot
from tests.plugins.etcd.conftest import Opened
from tests.plugins.etcd_process import EtcdProcess

RECORD = Record(Ref(Kind.CLUSTER, "east"), {"spec": {"cluster_id": "east"}})
FIRST = LeaseRecord("a", 1, 3.0)


async def following(events: AsyncIterator[Event]) -> Event:
    async with asyncio.timeout(15):
        return await anext(events)


def options(etcd: EtcdProcess) -> EtcdOptions:
    return EtcdOptions(endpoints=(etcd.url,), timeout=1.0)


async def test_what_was_stored_outlives_a_death_and_a_watch_ends_by_it(
    etcd: EtcdProcess, opened: Opened
) -> None:
    transport = opened.transport(options(etcd))
    await transport.put(RECORD, None)
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        await following(events)
        etcd.kill()
        with pytest.raises(StoreUnavailable):
            await following(events)
    with pytest.raises(StoreUnavailable, match=r"refused; is an etcd listening there\?$"):
        await transport.put(RECORD, None)
    etcd.start()
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        told = await following(events)
    assert isinstance(told, Snapshot)
    assert [one.body for one in told.records] == [RECORD.body]


async def test_an_etcd_that_hangs_is_unavailable_to_calls_and_to_watches(
    etcd: EtcdProcess, opened: Opened
) -> None:
    lease = opened.lease(options(etcd))
    written = await lease.swap(None, FIRST)
    async with aclosing(lease.watch()) as changes:
        assert await anext(changes) == written
        etcd.signal(signal.SIGSTOP)
        with pytest.raises(StoreUnavailable, match=r"no answer in time"):
            await lease.read()
        with pytest.raises(StoreUnavailable, match=r"no answer in time"):
            async with asyncio.timeout(15):
                await anext(changes)
    etcd.signal(signal.SIGCONT)
    assert await lease.read() == written


async def test_a_watch_that_is_quiet_for_long_goes_on(
    etcd_place: EtcdOptions, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submariner_etcd.client.SILENCE", 0.02)
    asked = 0
    newest = EtcdClient.newest

    async def counted(self: EtcdClient, key: str, *, below: bool) -> int:
        nonlocal asked
        asked += 1
        return await newest(self, key, below=below)

    monkeypatch.setattr(EtcdClient, "newest", counted)
    lease = opened.lease(etcd_place)
    async with aclosing(lease.watch()) as changes:
        assert await anext(changes) is None
        waiting = asyncio.ensure_future(anext(changes))
        async with asyncio.timeout(15):
            while asked < 5:  # noqa: ASYNC110 - the store is asked beside this
                await asyncio.sleep(0.01)
        written = await lease.swap(None, FIRST)
        assert await waiting == written


async def test_a_watch_that_does_not_tell_what_changed_is_given_up(
    etcd_place: EtcdOptions, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submariner_etcd.client.SILENCE", 0.02)

    async def later(self: EtcdClient, key: str, *, below: bool) -> int:
        return 10**9

    monkeypatch.setattr(EtcdClient, "newest", later)
    async with aclosing(opened.lease(etcd_place).watch()) as changes:
        assert await anext(changes) is None
        with pytest.raises(StoreUnavailable, match="missed what changed"):
            async with asyncio.timeout(15):
                await anext(changes)


async def test_a_rebuilt_etcd_that_counts_from_the_start_gives_nobody_the_lease_by_chance(
    etcd: EtcdProcess, opened: Opened
) -> None:
    mine = opened.lease(options(etcd))
    before = await mine.swap(None, FIRST)
    etcd.wipe()
    theirs = opened.lease(options(etcd))
    after = await theirs.swap(None, LeaseRecord("b", 1, 3.0))
    assert before is not None
    assert after is not None
    assert before.version == after.version, "the test needs the same revision"
    assert await mine.swap(before, FIRST) is None
    assert await theirs.read() == after


async def test_after_a_compaction_all_is_told_again(
    etcd: EtcdProcess, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened.client(options(etcd))
    transport = opened.transport(options(etcd))
    await transport.put(RECORD, None)
    now = (await client.range("/submariner/", below=True)).revision
    await client._request("/v3/kv/compaction", {"revision": str(now)})
    with pytest.raises(Compacted):
        async with aclosing(client.watch("/submariner/", 1, below=True)) as changes:
            await anext(changes)
    reading = EtcdClient.range
    late = [True]

    async def outdated(self: EtcdClient, key: str, *, below: bool = False) -> Found:
        found = await reading(self, key, below=below)
        return Found(0, ()) if late and late.pop() else found

    monkeypatch.setattr(EtcdClient, "range", outdated)
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        assert await following(events) == Snapshot(())
        again = await following(events)
    assert isinstance(again, Snapshot)
    assert [one.ref for one in again.records] == [RECORD.ref]


async def test_another_member_is_asked_when_one_cannot_be_reached(
    etcd_place: EtcdOptions, opened: Opened, unused_tcp_port_factory: Callable[[], int]
) -> None:
    dead = f"http://127.0.0.1:{unused_tcp_port_factory()}"
    lease = opened.lease(
        EtcdOptions(endpoints=(dead, *etcd_place.endpoints), prefix=etcd_place.prefix)
    )
    written = await lease.swap(None, FIRST)
    assert await lease.read() == written
    assert [str(one) for one in lease.addresses] == ["127.0.0.1"]


async def test_a_key_that_somebody_spoilt_is_refused_by_name_and_keeps_no_other_away(
    etcd_place: EtcdOptions, opened: Opened
) -> None:
    client, transport = opened.client(etcd_place), opened.transport(etcd_place)
    await transport.put(RECORD, None)
    spoilt = [b"\xff", b"[]", b'{"body": 1}', b"[" * 100_000]
    for number, value in enumerate(spoilt):
        key = f"{etcd_place.prefix}/records/Endpoint/spoilt-{number}"
        assert await client.write([unchanged(key, None)], put(key, value))
    key = f"{etcd_place.prefix}/records/Elsewhere/x"
    assert await client.write([unchanged(key, None)], put(key, b"not ours"))
    async with aclosing(transport.watch(tuple(Kind))) as events:
        told = await following(events)
        await transport.put(Record(Ref(Kind.ENDPOINT, "spoilt-0"), RECORD.body), None)
        mended = await following(events)
    assert isinstance(told, Snapshot)
    assert len(told.records) == 1 + len(spoilt)
    for record in told.records:
        if record.ref != RECORD.ref:
            with pytest.raises(RecordMalformed, match="spoilt-"):
                decode(record)
    assert isinstance(mended, Put)


async def test_a_lease_that_is_none_is_an_error_that_says_how_to_remove_it(
    etcd_place: EtcdOptions, opened: Opened
) -> None:
    key = f"{etcd_place.prefix}/leases/east"
    await opened.client(etcd_place).write([], put(key, b"{}"))
    with pytest.raises(StoreError, match=f"holds no lease .*; remove it: etcdctl del {key}$"):
        await opened.lease(etcd_place).read()


async def test_a_server_that_is_no_etcd_is_an_error_that_names_it(
    opened: Opened, unused_tcp_port: int
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nsorry")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", unused_tcp_port):
        url = f"http://127.0.0.1:{unused_tcp_port}"
        lease = opened.lease(EtcdOptions(endpoints=(url,)))
        with pytest.raises(StoreError, match=f"^{url}: answered 404 as no etcd does"):
            await lease.read()
