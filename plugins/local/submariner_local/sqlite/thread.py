"""One thread that runs a database's jobs in order and, while somebody waits, looks for changes."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

LOOK_INTERVAL = 0.02
"""Seconds between two looks for changes of other processes."""


class SerialThread:
    """Runs jobs one after the other.

    ``look`` is called in the same thread after each job and every 20 ms, but only inside
    :meth:`watched`. The thread is a daemon: a disk that hangs does not keep the process from
    exiting, and SQLite keeps what was committed.
    """

    def __init__(self, name: str, look: Callable[[], None]) -> None:
        self._name = name
        self._look = look
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._watchers = 0

    async def call(self, work: Callable[[], T], timeout: float) -> T:
        """The result of ``work()`` run in the thread.

        Raises ``TimeoutError`` after ``timeout`` seconds; work that has begun is not undone, work
        that has not begun is never run.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - the awaiting task gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        self._jobs.put(job)
        async with asyncio.timeout(timeout):
            return await asyncio.wrap_future(future)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look for changes as long as this context is open."""
        self._watchers += 1
        self._jobs.put(_nothing)  # the thread may be waiting without a time-out
        try:
            yield
        finally:
            self._watchers -= 1

    def stop(self) -> None:
        """End the thread once the jobs given so far are done. A later call starts another."""
        if self._thread is not None:
            self._thread = None
            self._jobs.put(None)

    def _serve(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=LOOK_INTERVAL if self._watchers else None)
            except queue.Empty:
                self._look()
                continue
            if job is None:
                return
            job()
            if self._watchers:
                self._look()


def _nothing() -> None:
    return None
