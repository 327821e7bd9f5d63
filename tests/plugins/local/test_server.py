"""A server that goes away, hangs, comes back, or does not want us."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from submariner_local.http.store import HttpLeaseStore, HttpTransport
from submariner_local.options import LocalOptions
from submariner_local.sqlite.store import FileLeaseStore, FileTransport

from submariner_core.api.errors import RecordMalformed, StoreError, StoreUnavailable
from submariner_core.api.lease import LeaseRecord
from submariner_core.api.transport import Event, Kind, Put, Record, Ref, Snapshot

AnyTransport = FileTransport | HttpTransport
AnyLeaseStore = FileLeaseStore | HttpLeaseStore
Open = Callable[[LocalOptions], AnyTransport]
Build = Callable[..., Record]
Following = Callable[[AsyncIterator[Event]], Awaitable[Event]]
Server = Any

ALL = tuple(Kind)


async def until_unavailable(events: AsyncIterator[object], within: float) -> float:
    """Seconds until the watch says that the store is gone."""
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(within):
            async for _ in events:
                pass
    return time.monotonic() - begun


async def test_nobody_listening_is_unavailable_at_once_and_names_the_url(
    transport_to: Open, record: Build, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    transport = transport_to(LocalOptions(url=url, token=SecretStr("t")))
    with pytest.raises(StoreUnavailable, match=f"{url}: .*refused.*store serve"):
        await transport.put(record(), None)
    with pytest.raises(StoreUnavailable, match=url):
        await anext(transport.watch(ALL))


async def test_a_killed_server_ends_watches_and_a_restarted_one_has_everything(
    server: Server, transport_to: Open, lease_in: Callable[..., AnyLeaseStore], record: Build
) -> None:
    transport, lease = transport_to(server.options()), lease_in(server.options())
    await transport.put(record(name="a"), None)
    held = await lease.swap(None, LeaseRecord("a", 1, 3.0))
    async with aclosing(transport.watch(ALL)) as events, aclosing(lease.watch()) as changes:
        await anext(events)
        await anext(changes)
        server.signal(signal.SIGKILL)
        assert await until_unavailable(events, 1) < 1
        await until_unavailable(changes, 1)
    server.wait()
    with pytest.raises(StoreUnavailable):
        await transport.put(record(name="b"), None)
    server.end()
    server.start()
    async with aclosing(transport.watch(ALL)) as events:
        first = await anext(events)
        assert isinstance(first, Snapshot)
        assert [found.ref.name for found in first.records] == ["a"]
    assert await lease.read() == held


async def test_a_write_right_after_a_restart_uses_no_dead_connection(
    server: Server, transport_to: Open, record: Build
) -> None:
    transport = transport_to(server.options())
    await transport.put(record(name="a"), None)
    server.signal(signal.SIGTERM)
    server.wait()
    server.end()
    server.start()
    await transport.put(record(name="b"), None)


async def test_a_server_that_hangs_is_noticed_by_watches_in_3_s_and_by_calls_in_their_time(
    server: Server,
    transport_to: Open,
    lease_in: Callable[..., AnyLeaseStore],
    record: Build,
    following: Following,
) -> None:
    transport, lease = transport_to(server.options()), lease_in(server.options())

    async def timed(call: Awaitable[object]) -> float:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            await call
        return time.monotonic() - begun

    async with aclosing(transport.watch(ALL)) as events, aclosing(lease.watch()) as changes:
        assert await following(events) == Snapshot(())
        assert await anext(changes) is None
        server.signal(signal.SIGSTOP)
        silences = await asyncio.gather(
            until_unavailable(events, 6),
            until_unavailable(changes, 6),
            timed(transport.put(record(), None)),
            timed(lease.read()),
        )
    server.signal(signal.SIGCONT)
    assert 1.5 < silences[0] < 3.6
    assert 1.5 < silences[1] < 3.6
    assert 1.8 < silences[2] < 2.6
    assert 0.8 < silences[3] < 1.6
    await transport.put(record(name="again"), None)


async def test_a_quiet_store_is_not_taken_for_a_dead_one(
    server: Server, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(server.options())
    async with aclosing(transport.watch(ALL)) as events:
        await following(events)
        waiting = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait([waiting], timeout=4)
        assert not done
        await transport.put(record(name="late"), None)
        event = await waiting
        assert isinstance(event, Put)


async def test_sigterm_ends_the_server_within_a_second_with_watches_open(
    server: Server, transport_to: Open
) -> None:
    transport = transport_to(server.options())
    async with aclosing(transport.watch(ALL)) as events:
        await anext(events)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        await until_unavailable(events, 1)
        assert server.wait() == 0
        assert time.monotonic() - begun < 1


async def test_a_wrong_token_is_refused_with_a_remedy_and_a_corrected_file_works(
    server: Server, transport_to: Open, record: Build, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("guessed\n")
    transport = transport_to(LocalOptions(url=server.url, token_file=mine))
    for call in (transport.put(record(), None), anext(transport.watch(ALL))):
        with pytest.raises(StoreError, match="refused the token; token_file") as refusal:
            await call
        assert not isinstance(refusal.value, StoreUnavailable)
    mine.write_text(server.token_file.read_text())
    await transport.put(record(), None)


async def test_a_missing_token_file_is_named(
    server: Server, transport_to: Open, record: Build, tmp_path: Path
) -> None:
    transport = transport_to(LocalOptions(url=server.url, token_file=tmp_path / "none"))
    with pytest.raises(StoreError, match="none: cannot read the token"):
        await transport.put(record(), None)


async def test_a_server_whose_disk_fails_says_so_over_the_wire(
    server: Server, transport_to: Open, record: Build
) -> None:
    transport = transport_to(server.options())
    async with aclosing(transport.watch(ALL)) as events:
        await anext(events)
        for suffix in ("-wal", "-shm"):
            server.database.with_name(server.database.name + suffix).unlink()
        scrambled = server.database.with_name("scrambled")
        scrambled.write_bytes(b"scrambled" * 1000)
        scrambled.replace(server.database)  # at once: no file is an empty store, and no failure
        with pytest.raises(StoreUnavailable, match=r"served\.db: not a usable database"):
            await anext(events)
    with pytest.raises(StoreError, match=r"served\.db: not a usable database"):
        await transport.put(record(), None)


async def test_something_else_at_the_url_is_not_taken_for_a_store(
    transport_to: Open, record: Build
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        transport = transport_to(
            LocalOptions(url=f"http://127.0.0.1:{port}", token=SecretStr("t"))
        )
        with pytest.raises(StoreError, match="as no store server does"):
            await transport.put(record(), None)
        with pytest.raises(StoreError, match="as no store server does"):
            await anext(transport.watch(ALL))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b'{"record": 1}',
        b'{"record": {"kind": "Pod", "name": "a"}}',
        b'{"record": {"kind": "Gateway", "name": ""}}',
        b'{"record": {"kind": "Gateway", "name": "a", "body": []}}',
        b'{"record": {"kind": "Gateway", "name": "a"}, "fence": {"epoch": "x"}}',
        b'{"record": {"kind": "Gateway", "name": "a"}, "fence": {"cluster_id": "e", "epoch": []}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_a_malformed_request_is_refused_and_the_server_goes_on(
    server: Server, transport_to: Open, record: Build, raw: bytes
) -> None:
    host, port = server.listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"PUT /v1/record HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {server.token_file.read_text().strip()}\r\n"
        f"Content-Length: {len(raw)}\r\n\r\n"
    )
    writer.write(head.encode() + raw)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 400 ")
    await transport_to(server.options()).put(record(), None)


async def test_a_record_of_no_name_is_refused(server: Server, transport_to: Open) -> None:
    with pytest.raises(StoreError, match="name") as refusal:
        await transport_to(server.options()).put(Record(Ref(Kind.GATEWAY, ""), {}), None)
    assert not isinstance(refusal.value, StoreUnavailable | RecordMalformed)


async def test_the_servers_address_is_told_as_written_or_as_its_name_leads(
    server: Server, transport_to: Open, following: Following
) -> None:
    written = transport_to(server.options())
    assert written.addresses == (ip_address("127.0.0.1"),)
    named = transport_to(
        LocalOptions(
            url=server.url.replace("127.0.0.1", "localhost"), token_file=server.token_file
        )
    )
    assert named.addresses == ()
    async with aclosing(named.watch(ALL)) as events:
        await following(events)
    assert named.addresses == (ip_address("127.0.0.1"),)
