"""Where kube-apiserver and etcd are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from submariner_lab.errors import LabError
from submariner_lab.kube import assets


def pair(folder: Path) -> Path:
    folder.mkdir()
    for name in ("kube-apiserver", "etcd"):
        (folder / name).touch(mode=0o755)
    return folder


def test_the_named_folder_is_before_the_path_and_that_before_the_cache(tmp_path: Path) -> None:
    named, path, cache = (pair(tmp_path / name) for name in ("named", "path", "cache"))
    environ = {"KUBEBUILDER_ASSETS": str(named), "PATH": str(path), "SUBMARINER_KUBE": str(cache)}
    for expected in (named, path, cache):
        found = assets.find(environ)
        assert {found.apiserver.parent, found.etcd.parent} == {expected}
        for file in expected.iterdir():
            file.unlink()
    with pytest.raises(LabError, match="make kube-assets"):
        assets.find(environ)


def test_half_a_pair_is_none(tmp_path: Path) -> None:
    half = pair(tmp_path / "half")
    (half / "etcd").unlink()
    with pytest.raises(LabError):
        assets.find({"PATH": "", "SUBMARINER_KUBE": str(half)})
