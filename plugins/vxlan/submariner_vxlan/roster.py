"""The cables this driver holds, kept over restarts: the kernel keeps addresses, not names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

import structlog

from submariner_core.api.errors import CableError
from submariner_vxlan.peer import Peer

log = structlog.get_logger("submariner.vxlan")


class Roster:
    """A small JSON file, replaced as a whole: a crash leaves the old one or the new one."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / "cables.json"

    def load(self) -> tuple[Peer, ...]:
        """The peers written last; none if there is no file, or it cannot be understood.

        Raises :class:`CableError` for a file that cannot be read.
        """
        try:
            entries = json.loads(self._file.read_text())
            return tuple(_peer(entry) for entry in entries)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unusable(self._file, "read", error) from error
        except (ValueError, TypeError, KeyError) as error:
            log.warning("cables.json not understood", file=str(self._file), error=repr(error))
            return ()

    def save(self, peers: Iterable[Peer]) -> None:
        """Replace the file. Raises :class:`CableError` where the folder cannot be written."""
        entries = [
            {
                "name": peer.name,
                "address": str(peer.address),
                "port": peer.port,
                "private_ip": str(peer.private_ip),
                "ours": peer.ours,
            }
            for peer in peers
        ]
        new = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_text(json.dumps(entries) + "\n")
            new.replace(self._file)
        except OSError as error:
            raise _unusable(new, "written", error) from error

    def erase(self) -> None:
        """Remove the file, and what a crash may have left beside it."""
        self._file.unlink(missing_ok=True)
        self._file.with_suffix(".new").unlink(missing_ok=True)


def _unusable(file: Path, action: str, error: OSError) -> CableError:
    return CableError(
        f"{file}: it cannot be {action} ({error.strerror}): "
        "give the gateway a state_dir that it can read and write"
    )


def _peer(entry: dict[str, object]) -> Peer:
    port, ours = entry["port"], entry["ours"]
    if not isinstance(port, int) or not isinstance(ours, bool):
        raise TypeError(f"{entry!r}: port must be a number, ours a truth value")
    return Peer(
        name=str(entry["name"]),
        address=IPv4Address(str(entry["address"])),
        port=port,
        private_ip=IPv4Address(str(entry["private_ip"])),
        ours=ours,
    )
