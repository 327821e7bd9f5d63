"""The cables this driver holds, kept over restarts: WireGuard keeps keys, not names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import structlog

from submariner_core.api.errors import CableError
from submariner_wireguard.device import UdpAddress
from submariner_wireguard.peer import Peer

log = structlog.get_logger("submariner.wireguard")


@dataclass(frozen=True, slots=True)
class Place:
    """Where this gateway was when its peers' addresses were set: a change of it moves them all."""

    private_ip: str = ""
    slot: int = 0


class Roster:
    """A small JSON file for each cable, and one for the own place; none holds a secret.

    Each is replaced as a whole: a crash leaves the old one or the new one.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "cables"
        self._place = state_dir / "place.json"

    def load(self) -> dict[str, Peer]:
        """The peers kept, by name; a file that cannot be understood is told of and skipped.

        Raises :class:`CableError` for files that cannot be read.
        """
        found = {}
        try:
            for path in sorted(self._folder.glob("*.json")):
                peer = _understood(path, path.read_text("utf-8"))
                if peer is not None:
                    found[peer.name] = peer
        except OSError as error:
            raise _unusable(self._folder, "read", error) from error
        return found

    def keep(self, peer: Peer) -> None:
        """Keep one. Raises :class:`CableError` where the folder cannot be written."""
        entry = {
            "name": peer.name,
            "cluster_id": peer.cluster_id,
            "hostname": peer.hostname,
            "slot": peer.slot,
            "public_key": peer.public_key,
            "host": str(peer.address.host),
            "port": peer.address.port,
            "prefixes": [str(prefix) for prefix in peer.prefixes],
            "ours": peer.ours,
        }
        self._write(self._file(peer.name), entry)

    def forget(self, name: str) -> None:
        """Keep one no longer; one that is not kept is fine."""
        self._file(name).unlink(missing_ok=True)

    def place(self) -> Place:
        """The place kept last."""
        try:
            held = json.loads(self._place.read_text("utf-8"))
            return Place(str(held["private_ip"]), int(held["slot"]))
        except (OSError, ValueError, TypeError, KeyError):
            return Place()

    def keep_place(self, place: Place) -> None:
        """Keep the own place."""
        self._write(self._place, {"private_ip": place.private_ip, "slot": place.slot})

    def erase(self) -> None:
        """Remove everything kept, and what a crash may have left beside it."""
        for path in (*self._folder.glob("*.json"), *self._folder.glob("*.new")):
            path.unlink(missing_ok=True)
        if self._folder.is_dir():
            self._folder.rmdir()
        self._place.unlink(missing_ok=True)
        self._place.with_suffix(".new").unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        # a cable's name comes from a store: it may hold anything
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"

    def _write(self, path: Path, entry: Mapping[str, object]) -> None:
        new = path.with_suffix(".new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_text(json.dumps(entry) + "\n", "utf-8")
            new.replace(path)
        except OSError as error:
            raise _unusable(new, "written", error) from error


def _understood(path: Path, text: str) -> Peer | None:
    try:
        entry = json.loads(text)
        return Peer(
            name=str(entry["name"]),
            cluster_id=str(entry["cluster_id"]),
            hostname=str(entry["hostname"]),
            slot=int(entry["slot"]),
            public_key=str(entry["public_key"]),
            address=UdpAddress(ip_address(entry["host"]), int(entry["port"])),
            prefixes=tuple(ip_network(prefix) for prefix in entry["prefixes"]),
            ours=bool(entry["ours"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        log.warning("cable-file-not-understood", file=str(path), error=repr(error))
        return None


def _unusable(path: Path, action: str, error: OSError) -> CableError:
    return CableError(
        f"{path}: it cannot be {action} ({error.strerror}): "
        "give the gateway a state_dir that it can read and write"
    )
