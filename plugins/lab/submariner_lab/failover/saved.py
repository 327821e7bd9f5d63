"""Figures that earlier commands wrote, and writing them while there are more to come."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from submariner_lab.errors import LabError
from submariner_lab.failover.summary import Document, measured

EXPECTED = "figures that `submariner failover -o json` wrote"


def load(files: Iterable[Path]) -> list[Document]:
    """The runs of all files, numbered anew. Raises :class:`LabError` that names a wrong file."""
    found = [run for file in files for run in _runs(file)]
    numbers = Counter[tuple[str, str]]()
    renumbered: list[Document] = []
    for run in found:
        key = (run["driver"], run["scenario"])
        numbers[key] += 1
        renumbered.append({**run, "run": numbers[key]})
    return renumbered


def _runs(file: Path) -> list[Document]:
    try:
        runs = json.loads(file.read_text())["runs"]
        for run in runs:
            if not {"driver", "scenario", "run"} <= run.keys():
                raise LabError(f"{file}: a run without its scenario; expected {EXPECTED}")
        for run in measured(runs):
            run["lost_backward"], run["tcp"]["outcome"], run["cluster_ip"]["outcome"]
    except OSError as error:
        raise LabError(f"{file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(f"{file}: expected {EXPECTED}: {error!r}") from error
    return list(runs)


def write(file: Path, text: str) -> None:
    """Whole or not at all: whoever is killed leaves what there was before."""
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(text)
    draft.replace(file)
