"""One daemon of a role per host, whatever happens to the lock's file."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.daemon import lock as locks
from submariner_core.daemon.lock import GATEWAY, ROUTE_AGENT, HostLock, lock_host

HOLD = """
import pathlib, subprocess, sys
from submariner_core.daemon.lock import HostLock
lock = HostLock(pathlib.Path(sys.argv[1]))
def sleep():
    none = subprocess.DEVNULL
    return subprocess.Popen(["sleep", "60"], stdin=none, stdout=none, stderr=none)
child = sleep() if sys.argv[2] == "with-child" else None
assert lock.acquire()
late = sleep() if child else None
print(child.pid if child else 0, late.pid if late else 0, flush=True)
sys.stdin.read()
"""


def holder(path: Path, how: str = "alone") -> tuple[subprocess.Popen[str], list[int]]:
    """Another process that holds the lock, and the pids of what it started."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split() if pid != "0"]


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_two_locks_of_one_file_exclude_each_other(tmp_path: Path) -> None:
    first, second = HostLock(tmp_path / "run" / "lock"), HostLock(tmp_path / "run" / "lock")
    assert first.acquire()
    assert first.acquire(), "held already"
    assert not second.acquire()
    first.release()
    first.release()
    assert not first.held
    assert second.acquire()
    second.release()


def test_the_lock_of_another_process_is_free_once_that_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    other, _ = holder(path)
    lock = HostLock(path)
    try:
        assert not lock.acquire()
    finally:
        end(other)
    assert lock.acquire()
    lock.release()


def test_programs_started_by_a_dead_gateway_do_not_keep_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    other, started = holder(path, "with-child")
    lock = HostLock(path)
    try:
        end(other)
        assert lock.acquire()
    finally:
        for pid in started:
            subprocess.run(["kill", f"-{signal.SIGKILL}", str(pid)], check=False)
        lock.release()


async def test_waiting_for_the_lock_ends_when_its_holder_goes(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    other, _ = holder(path)
    lock = HostLock(path)
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await lock.wait()
    finally:
        await asyncio.to_thread(end, other)
    async with asyncio.timeout(5):
        await lock.wait()
    assert lock.held
    lock.release()


async def test_a_lock_on_a_removed_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    cleaning, waiting = HostLock(path), HostLock(path)
    assert cleaning.acquire()
    waiter = asyncio.create_task(waiting.wait())
    await asyncio.sleep(0)
    path.unlink()
    cleaning.release()
    async with asyncio.timeout(5):
        await waiter
    assert path.exists()
    assert not HostLock(path).acquire()
    waiting.release()


async def test_one_of_a_role_and_one_of_each_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    gateway = await lock_host(tmp_path / "state", GATEWAY)
    agent = await lock_host(tmp_path / "state", ROUTE_AGENT)
    with pytest.raises(ConfigError, match=r"another route agent of this host holds .*agent.lock"):
        await lock_host(tmp_path / "state", ROUTE_AGENT)
    agent.release()
    (await lock_host(tmp_path / "state", ROUTE_AGENT)).release()
    gateway.release()
