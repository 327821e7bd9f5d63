"""Our own tables: replaced whole, in one transaction, only when they differ."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.expressions import Object
from submariner_core.kernel.netlink import GONE
from submariner_core.kernel.nft import program

_FINGERPRINT = "fingerprint"
"""A chain that nothing enters; its one rule's comment says from which document the table is.

Table comments would do, but nft 1.0 does not print them as JSON.
"""


async def replace_table(family: str, name: str, objects: Sequence[Object]) -> bool:
    """Make the table hold exactly ``objects``; true if it had to be replaced.

    ``objects`` are those of :mod:`expressions`, in order; family and table are filled in. The
    replacement is one transaction: no packet sees half of it. A document equal to the one that
    the table was made from is a no-op, unless rules or members were taken out since. Named
    counters keep their values (what is counted between reading and replacing, some 30 ms, is
    lost); counters inside rules start at zero.
    """
    table = {"family": family, "name": name}
    placed = [_placed(entry, family, name) for entry in objects]
    digest = hashlib.sha256(json.dumps(placed, sort_keys=True).encode()).hexdigest()
    placed += _fingerprint(family, name, digest)
    observed = await list_table(family, name)
    if observed is not None and _shape(observed) == _shape(placed):
        return False
    values = _counters(observed or ())
    commands: list[dict[str, Any]] = [
        {"add": {"table": table}},
        {"delete": {"table": table}},
        {"add": {"table": table}},
    ]
    commands += ({"add": _counted(entry, values)} for entry in placed)
    await program.apply(commands, f"nft table {family} {name}", "replace")
    return True


async def delete_table(family: str, name: str) -> bool:
    """Remove the table with all it holds. False if it was not there."""
    if await list_table(family, name) is None:
        return False
    command = {"delete": {"table": {"family": family, "name": name}}}
    try:
        await program.apply([command], f"nft table {family} {name}", "delete")
    except KernelError as error:
        if error.errno in GONE:
            return False
        raise
    return True


async def list_table(family: str, name: str) -> list[Object] | None:
    """The table and its objects as nft prints them, or ``None`` if there is no such table."""
    return await program.show("table", family, name, name=f"nft table {family} {name}")


async def counters(family: str, table: str) -> dict[str, tuple[int, int]]:
    """Packets and bytes of the table's named counters; none if there is no such table."""
    return _counters(await list_table(family, table) or ())


def _placed(entry: Object, family: str, table: str) -> Object:
    return {kind: {**body, "family": family, "table": table} for kind, body in entry.items()}


def _fingerprint(family: str, table: str, digest: str) -> Iterable[Object]:
    place = {"family": family, "table": table}
    yield {"chain": {**place, "name": _FINGERPRINT}}
    statement = [{"return": None}]
    rule = {**place, "chain": _FINGERPRINT, "expr": statement, "comment": f"sha256:{digest}"}
    yield {"rule": rule}


def _shape(objects: Iterable[Object]) -> Counter[tuple[object, ...]]:
    """What can be told alike of a document and of a listing: names, how many rules, the print."""
    shape: Counter[tuple[object, ...]] = Counter()
    for entry in objects:
        for kind, body in entry.items():
            if kind == "rule":
                shape["rule", body["chain"], body.get("comment", "")] += 1
            elif kind == "set":
                shape["set", body["name"], bool(body.get("elem"))] += 1
            elif kind != "table":
                shape[kind, body["name"]] += 1
    return shape


def _counters(objects: Iterable[Object]) -> dict[str, tuple[int, int]]:
    found = [entry["counter"] for entry in objects if "counter" in entry]
    return {body["name"]: (body["packets"], body["bytes"]) for body in found}


def _counted(entry: Object, values: dict[str, tuple[int, int]]) -> Object:
    body = entry.get("counter")
    if body is None or body["name"] not in values:
        return entry
    packets, octets = values[body["name"]]
    return {"counter": {**body, "packets": packets, "bytes": octets}}
