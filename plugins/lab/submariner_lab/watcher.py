"""A program in the wan: watches every store of a lab and writes what it sees as JSON lines.

    python -m submariner_lab.watcher CONFIG OUTPUT

CONFIG maps each store's name to its plugin's name and options. A line is an object with ``store``
and one of ``reset`` (records follow anew), ``put`` (a record), ``deleted`` (kind and name),
``away`` (why).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TextIO

import pluggy

from submariner_core.api import hooks
from submariner_core.api.errors import StoreError
from submariner_core.api.transport import Kind, Put, Record, Snapshot, Transport

RETRY = 0.3
Emit = Callable[..., None]


def open_transport(name: str, options: Mapping[str, Any]) -> Transport:
    """The transport of this name with these options."""
    (entry,) = entry_points(group="submariner.broker", name=name)
    plugin = entry.load()
    binding = pluggy.PluginManager(hooks.PROJECT)
    binding.add_hookspecs(hooks)
    binding.register(plugin)
    model = plugin.submariner_plugin_info().options[name]
    (transport,) = binding.hook.submariner_transport(
        name=name, options=model.model_validate(options), role="broker"
    )
    assert isinstance(transport, Transport)
    return transport


def document(record: Record) -> dict[str, Any]:
    """A record as JSON values."""
    return {
        "kind": record.ref.kind.value,
        "name": record.ref.name,
        "body": record.body,
        "labels": record.labels,
        "annotations": record.annotations,
        "created": record.created,
    }


async def follow(name: str, options: Mapping[str, Any], emit: Emit) -> None:
    """Report one store for ever."""
    while True:
        transport = open_transport(name, options)
        try:
            async for event in transport.watch(tuple(Kind)):
                if isinstance(event, Snapshot):
                    emit(reset=True)
                    for record in event.records:
                        emit(put=document(record))
                elif isinstance(event, Put):
                    emit(put=document(event.record))
                else:
                    emit(deleted={"kind": event.ref.kind.value, "name": event.ref.name})
        except StoreError as error:
            emit(away=str(error))
        finally:
            await transport.close()
        await asyncio.sleep(RETRY)


async def watch(stores: Mapping[str, tuple[str, Mapping[str, Any]]], output: TextIO) -> None:
    """Watch all stores until killed."""

    def emitter(store: str) -> Emit:
        return lambda **event: print(json.dumps({"store": store, **event}), file=output)

    async with asyncio.TaskGroup() as group:
        for store, (name, options) in stores.items():
            group.create_task(follow(name, options, emitter(store)), name=store)


def main() -> None:
    """Run the program."""
    stores = json.loads(Path(sys.argv[1]).read_text())
    with Path(sys.argv[2]).open("a", buffering=1) as output:
        asyncio.run(watch(stores, output))


if __name__ == "__main__":
    main()
