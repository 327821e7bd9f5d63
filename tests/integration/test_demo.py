"""The command ``submariner demo``, as a user runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from submariner_lab import namespaces
from submariner_lab.blueprint import PREFIX
from submariner_lab.node import program

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]
SMALL = ("--clusters", "1", "--nodes", "1", "--gateways", "1")


def demo(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (program(), "demo", "--root", str(root), *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)


def lab_id(output: str) -> str:
    found = re.search(r"lab ([0-9a-f]{4}):", output)
    assert found is not None, output
    return found[1]


def left(output: str) -> tuple[str, ...]:
    return namespaces.names(f"{PREFIX}-{lab_id(output)}-")


WITHOUT_DAEMON = pytest.mark.skipif(
    shutil.which("wireguard-go") is None,
    reason="the program 'wireguard-go' is absent: apt-get install wireguard-go",
)


@pytest.mark.parametrize("driver", ["vxlan", pytest.param("wireguard", marks=WITHOUT_DAEMON)])
def test_the_demo_shows_that_all_holds_and_leaves_nothing(tmp_path: Path, driver: str) -> None:
    done = demo(tmp_path / "labs", "--driver", driver)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    for word in ("powered off", "took over", "outage", "packets lost", "nothing is left behind"):
        assert word in done.stdout
    assert left(done.stdout) == ()
    assert not (tmp_path / "labs").exists()


def test_a_kept_lab_is_entered_as_printed_and_removed_by_down(tmp_path: Path) -> None:
    root = tmp_path / "labs"
    done = demo(root, *SMALL, "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert left(done.stdout)
    show = re.search(r"its gateways: +(.*)", done.stdout)
    assert show is not None
    shown = subprocess.run(
        show[1].split(), capture_output=True, text=True, timeout=30, check=False
    )
    assert "east-1" in shown.stdout, shown.stderr
    assert f"removed lab {lab_id(done.stdout)}" in demo(root, "--down").stdout
    assert left(done.stdout) == ()
    assert not root.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    command = (program(), "demo", "--root", str(tmp_path / "labs"))
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    with running.stdout:
        output = running.stdout.readline()
        deadline = time.monotonic() + 30
        while len(left(output)) < 16 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(running.pid, number)
        output += running.stdout.read()
    assert running.wait(timeout=30) == 128 + number
    assert f"ended by {number.name}" in output
    assert left(output) == ()
    assert not (tmp_path / "labs").exists()
