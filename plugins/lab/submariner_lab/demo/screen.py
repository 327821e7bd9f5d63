"""Where the demo shows itself: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from submariner_lab.demo import board
from submariner_lab.flow import Flow
from submariner_lab.lab import Lab
from submariner_lab.scrape import Traffic, traffic

PERIOD = 0.25
SCRAPE_EVERY = 4


class Screen:
    """Steps go to :meth:`step`; :meth:`refresh` runs beside the story and keeps the table new."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.flow: Flow | None = None
        self._started = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def step(self, text: str) -> None:
        """Say what happens now."""
        seconds = time.monotonic() - self._started
        self.console.print(Text(f"{seconds:6.1f} s  {text}"), soft_wrap=True)

    def show(self, thing: RenderableType) -> None:
        """Print for good."""
        self.console.print(thing)

    async def refresh(self, lab: Lab) -> None:
        """Redraw until cancelled; does nothing where there is no terminal."""
        moved: Mapping[str, Sequence[Traffic]] = {}
        turn = 0
        while self._live is not None:
            if turn % SCRAPE_EVERY == 0:
                moved = await counters(lab)
            turn += 1
            lines = board.rows(lab, moved)
            self._live.update(
                Group(board.table(lines, f"lab {lab.id}"), Text(self._traffic())), refresh=True
            )
            await asyncio.sleep(PERIOD)

    async def picture(self, lab: Lab) -> None:
        """Print the table once, as it is now."""
        self.show(board.table(board.rows(lab, await counters(lab)), f"lab {lab.id}"))

    def _traffic(self) -> str:
        if self.flow is None:
            return ""
        a, b = self.flow.counts()
        return (
            f"1 kHz UDP {self.flow.a.name} -> {self.flow.b.name}: {a.sent:,} sent,"
            f" {b.received:,} arrived; back: {b.sent:,} sent, {a.received:,} arrived"
        )


async def counters(lab: Lab) -> dict[str, Sequence[Traffic]]:
    """What each living gateway has moved, by node name."""
    nodes = [node for c in lab.clusters for node in c.candidates if node.alive]
    found = await asyncio.gather(*(traffic(node.site.netns) for node in nodes))
    return {node.site.name: moved for node, moved in zip(nodes, found, strict=True)}
