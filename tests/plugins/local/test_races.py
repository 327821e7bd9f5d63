"""Several processes on one file: nothing is lost, and no epoch goes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from submariner_local.http.store import HttpTransport
from submariner_local.options import LocalOptions
from submariner_local.sqlite.store import FileTransport

from submariner_core.api.errors import StaleEpoch
from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Fence, Kind, Record, Ref, Snapshot

AnyTransport = FileTransport | HttpTransport
Open = Callable[[LocalOptions], AnyTransport]
Build = Callable[..., Record]

WRITER = """
import asyncio, sys
from pathlib import Path
from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Kind, Record, Ref
from submariner_local import plugin
from submariner_local.options import LocalOptions

async def main(path, who, count):
    transport = plugin.submariner_transport("local", LocalOptions(path=Path(path), timeout=20))
    for number in range(int(count)):
        body = {"status": {"number": number, "filler": "x" * 3000}}
        await transport.put(Record(Ref(Kind.GATEWAY, f"{who}-{number % 5}"), body), None)
        epoch = {EPOCH_ANNOTATION: str(number)}
        await transport.put(Record(Ref(Kind.CLUSTER, who), {}, annotations=epoch), None)
        print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""

MAKER = """
import asyncio, sys, time
from pathlib import Path
from submariner_core.api.transport import Kind, Record, Ref
from submariner_local import plugin
from submariner_local.options import LocalOptions

async def main(folder, who):
    print("ready", flush=True)
    while not (folder / "go").exists():
        time.sleep(0.001)
    for number in range(20):
        path = folder / f"{number}.db"
        transport = plugin.submariner_transport("local", LocalOptions(path=path, timeout=10))
        await transport.put(Record(Ref(Kind.GATEWAY, who), {}), None)
        await transport.close()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def python(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", *arguments], stdout=subprocess.PIPE, text=True)


def writer(path: Path, who: str, count: int) -> subprocess.Popen[str]:
    return python(WRITER, str(path), who, str(count))


def maker(folder: Path, who: str) -> subprocess.Popen[str]:
    return python(MAKER, str(folder), who)


async def stored(transport: AnyTransport) -> dict[Ref, Record]:
    async with aclosing(transport.watch(tuple(Kind))) as events, asyncio.timeout(10):
        first = await anext(events)
    assert isinstance(first, Snapshot)
    return {record.ref: record for record in first.records}


async def test_two_processes_that_write_at_once_lose_nothing(
    tmp_path: Path, transport_to: Open
) -> None:
    path = tmp_path / "store.db"
    both = [writer(path, who, 100) for who in ("one", "two")]
    for process in both:
        await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
    found = await stored(transport_to(LocalOptions(path=path)))
    for who in ("one", "two"):
        numbers = [
            record.body["status"]["number"]  # type: ignore[index]
            for ref, record in found.items()
            if ref.kind is Kind.GATEWAY and ref.name.startswith(who)
        ]
        assert sorted(numbers) == [95, 96, 97, 98, 99]
    assert len({record.created for record in found.values()}) == len(found) == 12


@pytest.mark.parametrize("lines", [1, 40, 83])
async def test_a_writer_killed_in_the_middle_loses_nothing_that_it_was_told_is_stored(
    tmp_path: Path, transport_to: Open, lines: int
) -> None:
    path = tmp_path / "store.db"
    victim = writer(path, "east", 100_000)
    assert victim.stdout is not None
    for _ in range(lines):
        await asyncio.to_thread(victim.stdout.readline)
    os.kill(victim.pid, signal.SIGKILL)
    told = lines - 1 + len(victim.stdout.readlines())
    victim.wait()
    victim.stdout.close()
    transport = transport_to(LocalOptions(path=path))
    epoch = int((await stored(transport))[Ref(Kind.CLUSTER, "east")].annotations[EPOCH_ANNOTATION])
    assert told <= epoch <= told + 1
    with pytest.raises(StaleEpoch):
        await transport.put(Record(Ref(Kind.ENDPOINT, "a"), {}), Fence("east", epoch - 1))
    await transport.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_a_stale_leader_never_gets_between_a_new_ones_check_and_write(
    tmp_path: Path, transport_to: Open, record: Build
) -> None:
    """A writer that holds the file's lock makes others wait, and their fence is read after it."""
    path = tmp_path / "store.db"
    transport = transport_to(LocalOptions(path=path))
    await transport.put(record(Kind.CLUSTER, "east", epoch=1), None)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    stale = asyncio.ensure_future(transport.put(record(name="a", epoch=1), Fence("east", 1)))
    await asyncio.sleep(0.05)  # the put now waits for the lock
    other.execute(
        "UPDATE records SET annotations = ?, revision = revision + 1",
        (f'{{"{EPOCH_ANNOTATION}":"2"}}',),
    )
    other.execute("UPDATE store SET revision = revision + 1")
    other.execute("COMMIT")
    other.close()
    with pytest.raises(StaleEpoch):
        await stale
    assert set(await stored(transport)) == {Ref(Kind.CLUSTER, "east")}


async def test_processes_that_make_the_same_new_files_at_once_all_can_use_them(
    tmp_path: Path, transport_to: Open
) -> None:
    processes = [maker(tmp_path, str(number)) for number in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    (tmp_path / "go").touch()
    for process in processes:
        await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
    for number in range(20):
        found = await stored(transport_to(LocalOptions(path=tmp_path / f"{number}.db")))
        assert len(found) == len(processes)
