"""What a node says of itself, asked for at a daemon's start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from submariner_core.api.errors import StoreError
from submariner_core.api.transport import NodeMarks
from submariner_core.loading.on_node import PATIENCE, node_marks
from submariner_core.testing import MemoryStore, MemoryTransport

pytestmark = pytest.mark.looptime

SAID = NodeMarks(
    {"gateway.submariner.io/udp-port": "4600"}, {"submariner.io/tcp-clamp-mss": "1200"}
)


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.nodes["east-1"] = SAID
    return made


@pytest.fixture
def loaded(store: MemoryStore, tmp_path: Path) -> Any:
    settings = SimpleNamespace(node_name="east-1", state_dir=tmp_path / "state")
    return SimpleNamespace(settings=settings, another_datastore=lambda: MemoryTransport(store))


async def test_a_node_is_what_the_datastore_says_even_if_it_is_slow_to_come(
    loaded: Any, store: MemoryStore
) -> None:
    store.go_away()
    asking = asyncio.create_task(node_marks(loaded))
    await asyncio.sleep(PATIENCE / 2)
    store.come_back()
    assert await asking == SAID


async def test_while_the_datastore_is_away_a_node_is_what_it_was(
    loaded: Any, store: MemoryStore
) -> None:
    assert await node_marks(loaded) == SAID
    store.go_away()
    with capture_logs() as logs:
        assert await node_marks(loaded) == SAID
    assert [one["event"] for one in logs] == ["node-not-read"]
    store.come_back()
    store.nodes.clear()
    assert await node_marks(loaded) == NodeMarks()
    store.go_away()
    assert await node_marks(loaded) == NodeMarks()


async def test_a_datastore_that_lets_nobody_read_nodes_stops_no_daemon(
    loaded: Any, store: MemoryStore
) -> None:
    class Guarded(MemoryTransport):
        async def read_node(self, node: str) -> NodeMarks | None:
            raise StoreError("nodes: 403")

    loaded.another_datastore = lambda: Guarded(store)
    with capture_logs() as logs:
        assert await node_marks(loaded) == NodeMarks()
    assert "403" in logs[0]["reason"]
