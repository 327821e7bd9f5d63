"""Removes part after part; one that fails does not keep the others from their turn."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from submariner_core.api.errors import SubmarinerError
from submariner_core.api.transport import Ref, Transport
from submariner_core.cli.node.footprint import footprint
from submariner_core.cli.output import Column
from submariner_core.kernel import Kernel

PART_TIMEOUT = 60.0
WRITE_TIMEOUT = 5.0
COLUMNS = (Column("part"), Column("removed"), Column("failure"))


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing that is gone, or why a part could not be removed."""

    part: str
    removed: str = ""
    failure: str = ""


class Remover:
    """Keeps an account of what was removed. What it lists was seen before and is gone."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.account: list[Removal] = []

    @property
    def failed(self) -> bool:
        """Whether anything could not be removed."""
        return any(entry.failure for entry in self.account)

    def note(self, part: str, removed: str) -> None:
        """Enter a thing that is gone."""
        self.account.append(Removal(part, removed))

    async def from_kernel(self, part: str, remove: Callable[[], Awaitable[object]]) -> bool:
        """Call ``remove`` and enter what the kernel holds no more. False if it failed."""
        entered = len(self.account)
        with self.accounting(part):
            before = await footprint(self._kernel)
            try:
                async with asyncio.timeout(PART_TIMEOUT):
                    await remove()
            finally:
                gone = Counter(before) - Counter(await footprint(self._kernel))
                for thing in gone.elements():
                    self.note(part, thing)
        return not any(entry.failure for entry in self.account[entered:])

    async def from_store(self, part: str, store: Transport, refs: Iterable[Ref]) -> None:
        """Delete records, unfenced and in order."""
        with self.accounting(part):
            for ref in refs:
                async with asyncio.timeout(WRITE_TIMEOUT):
                    await store.delete(ref, None)
                self.note(part, str(ref))

    def folder(self, path: Path) -> None:
        """Remove a folder of ours with all it holds."""
        with self.accounting("state files"):
            if path.is_dir():
                held = any(path.iterdir())
                shutil.rmtree(path)
                if held:
                    self.note("state files", str(path))

    @contextlib.contextmanager
    def accounting(self, part: str) -> Iterator[None]:
        """Enter a failure instead of raising it."""
        try:
            yield
        except (SubmarinerError, OSError) as error:  # TimeoutError is an OSError
            reason = str(error) or "no answer in time"
            self.account.append(Removal(part, failure=reason))
        except Exception as error:  # noqa: BLE001 - a plugin's bug must not save the other parts
            self.account.append(Removal(part, failure=f"{type(error).__name__}: {error}"))
