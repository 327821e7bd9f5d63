"""What can be wrong with a file, and that it is said and survived."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from submariner_local.http.store import HttpLeaseStore, HttpTransport
from submariner_local.options import LocalOptions
from submariner_local.sqlite import records, schema
from submariner_local.sqlite.store import FileLeaseStore, FileTransport

from submariner_core.api.codec import decode, encode
from submariner_core.api.errors import RecordMalformed, StaleEpoch, StoreError, StoreUnavailable
from submariner_core.api.lease import LeaseRecord
from submariner_core.api.transport import Deleted, Event, Fence, Kind, Put, Record, Ref, Snapshot
from tests.reconcile.objects import stored_cluster

AnyTransport = FileTransport | HttpTransport
AnyLeaseStore = FileLeaseStore | HttpLeaseStore
Open = Callable[[LocalOptions], AnyTransport]
Build = Callable[..., Record]
Following = Callable[[AsyncIterator[Event]], Awaitable[Event]]


async def names(transport: AnyTransport) -> set[str]:
    async with aclosing(transport.watch(tuple(Kind))) as events:
        first = await anext(events)
    assert isinstance(first, Snapshot)
    return {record.ref.name for record in first.records}


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


async def test_a_newer_schema_is_refused_in_words_and_left_as_it_is(
    tmp_path: Path, transport_to: Open, record: Build
) -> None:
    path = tmp_path / "store.db"
    await transport_to(LocalOptions(path=path)).put(record(), None)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    transport = transport_to(LocalOptions(path=path))
    with pytest.raises(StoreError, match=r"store schema 2, this program knows 1; upgrade"):
        await transport.put(record(name="b"), None)


async def test_another_programs_database_is_refused_and_left_as_it_is(
    tmp_path: Path, transport_to: Open, record: Build
) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await transport_to(LocalOptions(path=path)).put(record(), None)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_until_it_is_moved_away(
    tmp_path: Path, transport_to: Open, record: Build
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database at all " * 100)
    transport = transport_to(LocalOptions(path=path))
    with pytest.raises(StoreError, match="not a usable database"):
        await transport.put(record(), None)
    path.rename(tmp_path / "aside")
    await transport.put(record(name="a"), None)
    assert await names(transport) == {"a"}


async def test_a_page_overwritten_under_a_running_store_is_an_error_and_heals_when_replaced(
    tmp_path: Path, transport_to: Open, record: Build
) -> None:
    path = tmp_path / "store.db"
    transport = transport_to(LocalOptions(path=path))
    for number in range(50):
        await transport.put(record(name=f"n{number}", text="x" * 2000), None)
    await transport.close()  # the log is now in the file
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    transport = transport_to(LocalOptions(path=path))
    with pytest.raises(StoreError, match=r"store\.db: not a usable database"):
        await names(transport)
    path.unlink()
    assert await names(transport) == set()
    await transport.put(record(name="a"), None)


async def test_looking_makes_no_file_and_the_first_write_does(
    tmp_path: Path,
    transport_to: Open,
    lease_in: Callable[..., AnyLeaseStore],
    record: Build,
    following: Following,
) -> None:
    options = LocalOptions(path=tmp_path / "store.db")
    reader = transport_to(options)
    async with aclosing(reader.watch(tuple(Kind))) as events:
        assert await following(events) == Snapshot(())
        assert await lease_in(options).read() is None
        assert await names(transport_to(options)) == set()
        assert list(tmp_path.iterdir()) == []
        await transport_to(options).put(record(name="a"), None)
        assert isinstance(await following(events), Put)
    assert await lease_in(options).swap(None, LeaseRecord("x", 1, 3.0)) is not None


SPOILT = (
    ("body", "{not json"),
    ("body", "[1]"),
    ("body", '{"spec":' + "[" * 950 + "]" * 950 + "}"),
    ("body", "[" * 100_000),
    ("labels", "[]"),
    ("labels", ""),
    ("annotations", "null"),
    ("name", ""),
)


@pytest.mark.parametrize(("column", "text"), SPOILT, ids=range(len(SPOILT)))
async def test_a_row_that_somebody_spoilt_is_refused_and_all_others_are_read(
    server: Any,
    transport_to: Open,
    record: Build,
    following: Following,
    column: str,
    text: str,
) -> None:
    path, fence = server.database, Fence("east", 3)
    writer, far = transport_to(LocalOptions(path=path)), transport_to(server.options())
    good, bad = encode(stored_cluster("east", 1)), record(name="bad")
    await writer.put(good, None)
    await writer.put(bad, fence)
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE records SET {column} = ? WHERE name = 'bad'", (text,))
    connection.commit()
    connection.close()
    for reader in (transport_to(LocalOptions(path=path)), far):
        async with aclosing(reader.watch(tuple(Kind))) as events:
            told = await following(events)
        assert isinstance(told, Snapshot)
        assert decode(told.records[0]).meta.name == "east"
        with pytest.raises(RecordMalformed):
            decode(told.records[1])
    await far.put(bad, fence)
    assert "bad" in await names(far)


@pytest.mark.parametrize("epoch", [2**53, 2**63, 10**19 - 1, 10**30])
async def test_an_epoch_that_no_reader_takes_fences_nobody(
    tmp_path: Path, transport_to: Open, record: Build, epoch: int
) -> None:
    transport = transport_to(LocalOptions(path=tmp_path / "store.db"))
    await transport.put(record(Kind.CLUSTER, "east", epoch), None)
    await transport.put(record(Kind.CLUSTER, "east", 4), Fence("east", 4))
    with pytest.raises(StaleEpoch):
        await transport.put(record(name="a"), Fence("east", 3))


async def test_an_object_nested_too_deep_for_some_reader_is_not_stored(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    transport = transport_to(place)
    with pytest.raises(StoreError, match="nested deeper than 100 levels"):
        await transport.put(record(name="deep", field=deep), None)
    assert await names(transport) == set()


async def test_a_folder_that_is_missing_is_waited_for(
    tmp_path: Path, transport_to: Open, record: Build
) -> None:
    transport = transport_to(LocalOptions(path=tmp_path / "later" / "store.db"))
    with pytest.raises(StoreUnavailable, match=r"later/store\.db: cannot be opened; its folder"):
        await transport.put(record(), None)
    (tmp_path / "later").mkdir()
    await transport.put(record(), None)


async def test_a_folder_instead_of_a_file_is_refused(
    tmp_path: Path, transport_to: Open, record: Build
) -> None:
    with pytest.raises(StoreError, match="a folder; the store needs the name of a file"):
        await transport_to(LocalOptions(path=tmp_path)).put(record(), None)


async def test_a_lock_that_is_held_too_long_is_unavailable_and_passes(
    tmp_path: Path, transport_to: Open, lease_in: Callable[..., AnyLeaseStore], record: Build
) -> None:
    options = LocalOptions(path=tmp_path / "store.db", timeout=0.2)
    transport, lease = transport_to(options), lease_in(options)
    await transport.put(record(name="a"), None)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"held the database for more than 0\.2 s"):
        await transport.put(record(name="b"), None)
    with pytest.raises(StoreUnavailable):
        await lease.swap(None, LeaseRecord("a", 1, 3.0))
    assert await names(transport) == {"a"}
    assert await lease.read() is None
    other.execute("ROLLBACK")
    other.close()
    await transport.put(record(name="b"), None)
    assert await lease.swap(None, LeaseRecord("a", 1, 3.0)) is not None


async def test_a_full_disk_refuses_writes_whole_and_takes_them_again(
    small_disk: Path, transport_to: Open, record: Build
) -> None:
    transport = transport_to(LocalOptions(path=small_disk / "store.db"))
    written: set[str] = set()
    with pytest.raises(StoreUnavailable, match=r"store\.db: no space left, nothing was written"):
        for number in range(100):
            await transport.put(record(name=f"n{number}", text="x" * 20_000), None)
            written.add(f"n{number}")
    assert written
    assert await names(transport) == written
    remount(small_disk, "size=8m")
    await transport.put(record(name="after", text="x" * 20_000), None)
    assert await names(transport) == {*written, "after"}


async def test_a_read_only_file_system_refuses_writes_and_heals(
    small_disk: Path, transport_to: Open, record: Build
) -> None:
    path = small_disk / "store.db"
    first = transport_to(LocalOptions(path=path))
    await first.put(record(name="a"), None)
    await first.close()
    remount(small_disk, "ro")
    transport = transport_to(LocalOptions(path=path))
    with pytest.raises(StoreError, match=r"store\.db: (read-only|cannot be opened)"):
        await transport.put(record(name="b"), None)
    remount(small_disk, "rw")
    await transport.put(record(name="b"), None)
    assert await names(transport) == {"a", "b"}


async def test_a_watcher_of_a_file_that_is_replaced_gets_a_new_snapshot(
    tmp_path: Path, transport_to: Open, record: Build, following: Following
) -> None:
    path = tmp_path / "store.db"
    transport = transport_to(LocalOptions(path=path))
    await transport.put(record(name="a"), None)
    async with aclosing(transport.watch(tuple(Kind))) as events:
        await following(events)
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"store.db{suffix}").unlink()
        assert await following(events) == Snapshot(())
        await transport.put(record(name="b"), None)
        await following(events)
    assert await names(transport) == {"b"}


async def test_a_watcher_that_missed_more_deletions_than_are_kept_gets_a_new_snapshot(
    tmp_path: Path,
    transport_to: Open,
    record: Build,
    following: Following,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, "TOMBSTONES", 3)
    transport = transport_to(LocalOptions(path=tmp_path / "store.db"))
    for number in range(6):
        await transport.put(record(name=f"n{number}"), None)
    async with aclosing(transport.watch(tuple(Kind))) as events:
        await following(events)
        for number in range(3):
            await transport.delete(Ref(Kind.ENDPOINT, f"n{number}"), None)
        for number in range(3):
            assert await following(events) == Deleted(Ref(Kind.ENDPOINT, f"n{number}"))
        for number in range(3, 6):
            await transport.delete(Ref(Kind.ENDPOINT, f"n{number}"), None)
        await transport.put(record(name="more"), None)
        await transport.delete(Ref(Kind.ENDPOINT, "more"), None)
        assert await following(events) == Snapshot(())


async def test_a_slow_watcher_gets_the_last_state_and_no_backlog(
    tmp_path: Path, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(LocalOptions(path=tmp_path / "store.db"))
    async with aclosing(transport.watch(tuple(Kind))) as events:
        await following(events)
        for number in range(200):
            await transport.put(record(name="a", number=number), None)
        told = 0
        while (await following(events)).record.body != {"spec": {"number": 199}}:  # type: ignore[union-attr]
            told += 1
    assert told <= 1
