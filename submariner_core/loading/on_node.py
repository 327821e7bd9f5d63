"""What a daemon's node says of itself, read once at its start and laid over the settings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import structlog

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.api.info import Role
from submariner_core.api.transport import NodeMarks
from submariner_core.config import Document, Settings, judge, load_document
from submariner_core.config.node_marks import relevant
from submariner_core.loading.loaded import Loaded
from submariner_core.loading.loader import load

PATIENCE = 10.0
"""Seconds for the datastore to answer; then the node is what it was the last time."""
AGAIN = 0.5
REMEMBERED = "node-marks.json"

Lay = Callable[[Document, str, NodeMarks], Document]
"""One of :mod:`submariner_core.config.node_marks`: lays marks over what was configured."""

log = structlog.get_logger("submariner.node")


def load_on_node(
    loaded: Loaded,
    path: Path | None,
    environ: Mapping[str, str],
    lay: Lay,
    roles: Collection[Role],
) -> tuple[Loaded, Callable[[], Settings] | None]:
    """The same loaded anew where the node says more; and how its settings are read again.

    That is ``None`` without a file. Raises :class:`ConfigError` for what the node says wrong.
    """
    node = loaded.settings.node_name
    marks = relevant(asyncio.run(node_marks(loaded)))

    def document() -> Document:
        return lay(load_document(path, environ), node, marks)

    if marks != NodeMarks():
        found = document()
        loaded = load(judge(found), found, roles=roles)
        log.info("node-marks", node=node, **_plain(marks))
    return loaded, (lambda: judge(document())) if path is not None else None


async def node_marks(loaded: Loaded) -> NodeMarks:
    """What the datastore says of this node, or said the last time it was asked."""
    remembered = loaded.settings.state_dir / REMEMBERED
    try:
        async with asyncio.timeout(PATIENCE):
            marks = await _asked(loaded)
    except (StoreError, TimeoutError) as error:
        marks = _recall(remembered)
        reason = str(error) or f"the datastore did not answer within {PATIENCE:g} s"
        log.warning("node-not-read", reason=reason, **_plain(marks))
    else:
        _remember(remembered, relevant(marks))
    return marks


async def _asked(loaded: Loaded) -> NodeMarks:
    store = loaded.another_datastore()
    try:
        while True:
            try:
                return await store.read_node(loaded.settings.node_name) or NodeMarks()
            except StoreUnavailable:
                await asyncio.sleep(AGAIN)
    finally:
        await store.close()


def _plain(marks: NodeMarks) -> dict[str, dict[str, str]]:
    return {"labels": dict(marks.labels), "annotations": dict(marks.annotations)}


def _remember(path: Path, marks: NodeMarks) -> None:
    if marks == _recall(path):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(_plain(marks)), "utf-8")
        part.replace(path)
    except OSError as error:
        log.warning("not-remembered", file=str(path), reason=str(error))


def _recall(path: Path) -> NodeMarks:
    try:
        found = json.loads(path.read_text("utf-8"))
        return NodeMarks(dict(found["labels"]), dict(found["annotations"]))
    except (OSError, ValueError, TypeError, KeyError):
        return NodeMarks()
