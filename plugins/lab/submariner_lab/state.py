"""The file by which a lab is found again: by ``--down``, or after its owner was killed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from submariner_lab import namespaces
from submariner_lab.blueprint import PREFIX

ROOT = Path("/var/lib/submariner-lab")
FILE = "lab.json"


@dataclass(frozen=True, slots=True)
class LabState:
    """Who owns a lab. ``owner_start`` tells the owner from a later process with the same pid."""

    lab_id: str
    owner: int
    owner_start: str
    kept: bool = False

    @property
    def orphaned(self) -> bool:
        """Whether nobody wants it: not kept, and its owner is gone."""
        alive = self.owner_start and _start_of(self.owner) == self.owner_start
        return not self.kept and not alive


def of_this_process(lab_id: str) -> LabState:
    """The state of a lab that this process owns."""
    return LabState(lab_id=lab_id, owner=os.getpid(), owner_start=_start_of(os.getpid()))


def write(state: LabState, root: Path = ROOT) -> Path:
    """Record a lab; its folder. A lab's folder never stands without its record."""
    folder = root / state.lab_id
    text = json.dumps(asdict(state))
    if folder.exists():
        draft = folder / f".{FILE}"
        draft.write_text(text)
        draft.replace(folder / FILE)
        return folder
    new = root / f".{state.lab_id}"
    new.mkdir(parents=True, exist_ok=True, mode=0o700)
    (new / FILE).write_text(text)
    return new.rename(folder)


def recorded(root: Path = ROOT) -> tuple[LabState, ...]:
    """Every lab that is recorded, in order of its id; an unreadable record is an orphan's."""
    found = []
    for folder in sorted(root.glob("[!.]*")):
        try:
            found.append(LabState(**json.loads((folder / FILE).read_text())))
        except (OSError, ValueError, TypeError):
            found.append(LabState(lab_id=folder.name, owner=0, owner_start=""))
    return tuple(found)


def remove(lab_id: str, root: Path = ROOT) -> None:
    """Remove a lab whole: processes, namespaces, files. What is gone already is fine."""
    namespaces.remove(namespaces.names(f"{PREFIX}-{lab_id}-"))
    shutil.rmtree(root / lab_id, ignore_errors=True)
    with contextlib.suppress(OSError):  # others are in it, or another lab has just removed it
        root.rmdir()


def remove_orphans(root: Path = ROOT) -> tuple[str, ...]:
    """Remove every lab that nobody wants; their ids."""
    orphans = tuple(state.lab_id for state in recorded(root) if state.orphaned)
    for lab_id in orphans:
        remove(lab_id, root)
    return orphans


def _start_of(pid: int) -> str:
    """A process's start time in clock ticks since boot; empty when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
