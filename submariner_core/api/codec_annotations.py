"""What changes at run time travels in annotations: read and written here.

Values in annotations are texts; those of ours are decimal numbers, ``true``/``false`` or JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NoReturn

from submariner_core.api.codec_fields import MAX_ITEMS, Fields, parse_address, parse_network
from submariner_core.api.codec_spec import read_endpoint, write_endpoint
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import Gateway, GatewayEntry, Transition
from submariner_core.api.naming import (
    ADDRESS_ANNOTATION,
    CARRIES_ANNOTATION,
    CLAIMED_ANNOTATION,
    DRAINING_ANNOTATION,
    EPOCH_ANNOTATION,
    GATEWAYS_ANNOTATION,
    READY_ANNOTATION,
    REFUSED_ANNOTATION,
    SLOT_ANNOTATION,
    SLOTS,
    TRANSITIONS_ANNOTATION,
    IPAddress,
    IPNetwork,
)
from submariner_core.api.transport import Record

MAX_EPOCH = 2**53
"""Anything above is not an epoch that counting up ever reached."""
_MAX_JSON = 262_144
_MAX_CLAIM = 512
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")


def stored_epoch(annotations: Mapping[str, object]) -> int | None:
    """The epoch by which a store refuses writers; ``None``: it refuses none.

    That is so for an upstream peer's record, and for an epoch that readers refuse: no leader could
    ever write a higher one.
    """
    text = str(annotations.get(EPOCH_ANNOTATION, ""))
    if _DECIMAL.fullmatch(text) is None or int(text) >= MAX_EPOCH:
        return None
    return int(text)


class Annotations:
    """The annotations of one record; what is not taken is somebody else's."""

    def __init__(self, record: Record) -> None:
        self.ref = record.ref
        self._left = dict(record.annotations)

    def rest(self) -> dict[str, str]:
        """Annotations that are not ours."""
        return dict(self._left)

    def epoch(self) -> int | None:
        """The fencing epoch; ``None`` for an upstream peer."""
        return self._decimal(EPOCH_ANNOTATION, range(MAX_EPOCH))

    def slot(self) -> int | None:
        """A gateway's slot."""
        return self._decimal(SLOT_ANNOTATION, SLOTS)

    def ready(self) -> bool:
        """Whether a gateway says it is ready."""
        return self._flag(READY_ANNOTATION)

    def draining(self) -> bool:
        """Whether a gateway is about to leave."""
        return self._flag(DRAINING_ANNOTATION)

    def claimed(self) -> str | None:
        """The sortable claim key."""
        text = self._left.pop(CLAIMED_ANNOTATION, None)
        if text is not None and not 0 < len(text) <= _MAX_CLAIM:
            raise self._malformed(CLAIMED_ANNOTATION, f"must be 1 to {_MAX_CLAIM} characters")
        return text

    def refused(self) -> tuple[IPNetwork, ...]:
        """Prefixes that the own leader refuses, separated by commas."""
        texts = self._left.pop(REFUSED_ANNOTATION, "").split(",")
        if len(texts) > MAX_ITEMS:
            raise self._malformed(REFUSED_ANNOTATION, f"lists more than {MAX_ITEMS} prefixes")
        return tuple(
            parse_network(text, lambda reason: self._malformed(REFUSED_ANNOTATION, reason))
            for text in texts
            if text
        )

    def address(self) -> IPAddress:
        """A node's address on the underlay; required."""
        text = self._left.pop(ADDRESS_ANNOTATION, None)
        if text is None:
            raise self._malformed(ADDRESS_ANNOTATION, "is required; upstream writes none")
        return parse_address(text, lambda reason: self._malformed(ADDRESS_ANNOTATION, reason))

    def carries(self) -> str:
        """The gateway a node sends through."""
        return self._left.pop(CARRIES_ANNOTATION, "")

    def transitions(self) -> tuple[Transition, ...]:
        """The last changes, for people."""
        return tuple(
            Transition(
                time=item.text("time"),
                subject=item.text("subject"),
                before=item.text("before"),
                after=item.text("after"),
                epoch=item.integer("epoch", range(MAX_EPOCH)),
                cause=item.text("cause"),
                evidence=item.text("evidence", ""),
            )
            for item in self._objects(TRANSITIONS_ANNOTATION) or ()
        )

    def gateways(self, cluster_id: str) -> tuple[GatewayEntry, ...] | None:
        """The gateway list of ``cluster_id``: one cluster, no slot and no cable twice."""
        items = self._objects(GATEWAYS_ANNOTATION)
        if items is None:
            return None
        entries = tuple(
            GatewayEntry(
                read_endpoint(item.nested("endpoint"), listed=True), item.integer("slot", SLOTS)
            )
            for item in items
        )
        if any(entry.endpoint.cluster_id != cluster_id for entry in entries):
            raise self._malformed(GATEWAYS_ANNOTATION, f"lists a gateway not of {cluster_id!r}")
        if len({entry.slot for entry in entries}) < len(entries):
            raise self._malformed(GATEWAYS_ANNOTATION, "lists a slot twice")
        if len({entry.endpoint.cable_name for entry in entries}) < len(entries):
            raise self._malformed(GATEWAYS_ANNOTATION, "lists a cable twice")
        return entries

    def _malformed(self, key: str, reason: str) -> RecordMalformed:
        return RecordMalformed(self.ref, f"annotations[{key}]", reason)

    def _decimal(self, key: str, allowed: range) -> int | None:
        text = self._left.pop(key, None)
        if text is None:
            return None
        if _DECIMAL.fullmatch(text) is None or int(text) not in allowed:
            raise self._malformed(key, f"{text[:80]!r} is not a number below {allowed.stop}")
        return int(text)

    def _flag(self, key: str) -> bool:
        text = self._left.pop(key, "false")
        if text not in ("true", "false"):
            raise self._malformed(key, f"{text[:80]!r} is neither true nor false")
        return text == "true"

    def _objects(self, key: str) -> list[Fields] | None:
        text = self._left.pop(key, None)
        if text is None:
            return None
        if len(text) > _MAX_JSON:
            raise self._malformed(key, f"has {len(text)} characters, at most {_MAX_JSON} are read")
        try:
            value = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise self._malformed(key, "is not JSON") from None
        return list(Fields(self.ref, "annotations", {key: value}).each(key))


def write_networks(networks: Iterable[IPNetwork]) -> str | None:
    """Prefixes as annotation text; ``None`` for none."""
    return ",".join(map(str, networks)) or None


def write_gateways(entries: Iterable[GatewayEntry]) -> str:
    """The gateway list as annotation text; equal lists give equal texts."""
    return _json(
        [{"endpoint": write_endpoint(entry.endpoint), "slot": entry.slot} for entry in entries]
    )


def write_gateway_notes(gateway: Gateway) -> dict[str, str]:
    """The annotations of a Gateway that its status has no fields for."""
    notes = {
        SLOT_ANNOTATION: str(gateway.slot),
        READY_ANNOTATION: str(gateway.ready).lower(),
        DRAINING_ANNOTATION: str(gateway.draining).lower(),
        **write_transitions(gateway.transitions),
    }
    if gateway.epoch is not None:
        notes[EPOCH_ANNOTATION] = str(gateway.epoch)
    return notes


def write_transitions(transitions: Iterable[Transition]) -> dict[str, str]:
    """The annotation of the last changes; none where there are none."""
    written = [
        {
            "time": item.time,
            "subject": item.subject,
            "before": item.before,
            "after": item.after,
            "epoch": item.epoch,
            "cause": item.cause,
            "evidence": item.evidence,
        }
        for item in transitions
    ]
    return {TRANSITIONS_ANNOTATION: _json(written)} if written else {}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
