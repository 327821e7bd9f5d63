"""``submariner demo`` and ``failover`` with API servers for stores, as a user runs them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from submariner_lab.errors import LabError
from submariner_lab.kube import assets
from submariner_lab.node import program

pytestmark = [pytest.mark.kube, pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def there() -> None:
    try:
        assets.find()
    except LabError as error:
        pytest.skip(str(error))


def submariner(command: str, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    asked = (program(), command, "--root", str(root / "labs"), "--store", "k8s", *words)
    return subprocess.run(asked, capture_output=True, text=True, timeout=290, check=False)


def test_the_demo_shows_that_all_holds_and_leaves_nothing(tmp_path: Path) -> None:
    done = submariner("demo", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    for word in ("powered off", "took over", "outage", "packets lost", "nothing is left behind"):
        assert word in done.stdout
    assert not (tmp_path / "labs").exists()


def test_a_leader_that_hangs_is_measured(tmp_path: Path) -> None:
    """SIGSTOP of the Lease's holder: another one takes it, and the first one, woken, obeys."""
    figures = tmp_path / "figures.json"
    words = ("--quick", "--scenario", "sigstop", "-o", "json", "--out", str(figures))
    done = submariner("failover", tmp_path, *words)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(figures.read_text())["runs"]
    assert run["scenario"] == "sigstop"
    assert run["recovered"]
    assert run["crashed"] == []
    assert run["new_leader"] not in (None, run["active"])
    assert (run["lost_forward"], run["lost_backward"]) == (0, 0)
    assert not (tmp_path / "labs").exists()
