"""What the stores of a lab hold, as the watcher in the wan sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from submariner_core.api.codec import decode
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import (
    ClusterObject,
    EndpointObject,
    GatewayObject,
    HAStatus,
    RouteAgentObject,
    StoredObject,
)
from submariner_core.api.transport import Kind, Record, Ref


class View:
    """Follows the watcher's output; every question reads what has come meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._objects: dict[str, dict[Ref, StoredObject]] = {}
        self._away: dict[str, str] = {}
        self.malformed: list[RecordMalformed] = []

    def objects(self, store: str) -> tuple[StoredObject, ...]:
        """Everything in a store."""
        self._read()
        return tuple(self._objects.get(store, {}).values())

    def away(self, store: str) -> str | None:
        """Why the watcher cannot reach a store; ``None`` when it can."""
        self._read()
        return self._away.get(store)

    def gateways(self, store: str) -> tuple[GatewayObject, ...]:
        """The Gateways in a store, by name."""
        found = (o for o in self.objects(store) if isinstance(o, GatewayObject))
        return tuple(sorted(found, key=lambda o: o.meta.name))

    def endpoints(self, store: str) -> tuple[EndpointObject, ...]:
        """The Endpoints in a store, by name."""
        found = (o for o in self.objects(store) if isinstance(o, EndpointObject))
        return tuple(sorted(found, key=lambda o: o.meta.name))

    def clusters(self, store: str) -> tuple[ClusterObject, ...]:
        """The Clusters in a store, by name."""
        found = (o for o in self.objects(store) if isinstance(o, ClusterObject))
        return tuple(sorted(found, key=lambda o: o.meta.name))

    def route_agents(self, store: str) -> tuple[RouteAgentObject, ...]:
        """The RouteAgents in a store, by name."""
        found = (o for o in self.objects(store) if isinstance(o, RouteAgentObject))
        return tuple(sorted(found, key=lambda o: o.meta.name))

    def active(self, store: str) -> GatewayObject | None:
        """The Gateway that says it is active, of the highest epoch: a dead one may say so too."""
        candidates = [g for g in self.gateways(store) if g.status.ha_status is HAStatus.ACTIVE]
        return max(candidates, key=lambda g: g.status.epoch or 0, default=None)

    def _read(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._apply(json.loads(line))

    def _apply(self, event: dict[str, Any]) -> None:
        objects = self._objects.setdefault(event["store"], {})
        if "away" in event:
            self._away[event["store"]] = event["away"]
            return
        self._away.pop(event["store"], None)
        if "reset" in event:
            objects.clear()
        elif "put" in event:
            record = record_of(event["put"])
            try:
                objects[record.ref] = decode(record)
            except RecordMalformed as error:
                self.malformed.append(error)
        else:
            gone = event["deleted"]
            objects.pop(Ref(Kind(gone["kind"]), gone["name"]), None)


def record_of(document: dict[str, Any]) -> Record:
    """A record as the watcher wrote it."""
    return Record(
        ref=Ref(Kind(document["kind"]), document["name"]),
        body=document["body"],
        labels=document["labels"],
        annotations=document["annotations"],
        created=document["created"],
    )
