"""All that was written to the stores of a lab since a moment, in the order of its coming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from submariner_lab import Cluster, Lab
from submariner_lab.view import record_of

from submariner_core.api.codec import decode
from submariner_core.api.model import ClusterObject, EndpointObject


@dataclass(frozen=True, slots=True)
class Written:
    """A Cluster or Endpoint was put: by whom, as its fence tells."""

    store: str
    stored: ClusterObject | EndpointObject


class Chronicle:
    """Begins when it is made."""

    def __init__(self, lab: Lab) -> None:
        self._path = lab.folder / "watcher.out"
        self._offset = self._path.stat().st_size

    def of(self, cluster: Cluster) -> tuple[Written, ...]:
        """What was put of one cluster, in its own store and at the broker."""
        return tuple(one for one in self._written() if one.stored.spec.cluster_id == cluster.name)

    def _written(self) -> Iterator[Written]:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                event = json.loads(line) if line.endswith(b"\n") else {}
                if event.get("put", {}).get("kind") in ("Cluster", "Endpoint"):
                    stored = decode(record_of(event["put"]))
                    assert isinstance(stored, ClusterObject | EndpointObject)
                    yield Written(event["store"], stored)
