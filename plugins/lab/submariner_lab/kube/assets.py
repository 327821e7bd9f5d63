"""Where kube-apiserver and etcd are on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from submariner_lab.errors import LabError

CACHE = "/var/cache/submariner-kube"
"""Where ``make kube-assets`` keeps what it builds; ``SUBMARINER_KUBE`` names another folder."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The two programs."""

    apiserver: Path
    etcd: Path


def find(environ: Mapping[str, str] = os.environ) -> Assets:
    """In ``KUBEBUILDER_ASSETS``, else on the PATH, else in the cache. Raises :class:`LabError`."""
    on_path = shutil.which("kube-apiserver", path=environ.get("PATH"))
    folders = (
        environ.get("KUBEBUILDER_ASSETS"),
        str(Path(on_path).parent) if on_path else None,
        environ.get("SUBMARINER_KUBE") or CACHE,
    )
    for folder in filter(None, folders):
        found = Assets(Path(folder, "kube-apiserver"), Path(folder, "etcd"))
        if os.access(found.apiserver, os.X_OK) and os.access(found.etcd, os.X_OK):
            return found
    raise LabError(
        "no kube-apiserver and etcd here: make kube-assets builds them once, in some 10 minutes, "
        "or KUBEBUILDER_ASSETS names their folder"
    )
