"""The command ``submariner failover``, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from submariner_lab import namespaces
from submariner_lab.blueprint import PREFIX
from submariner_lab.failover.catalogue import ASKED, ORDER, SIMILAR
from submariner_lab.node import program

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


def command(root: Path, *arguments: str) -> tuple[str, ...]:
    return (program(), "failover", "--root", str(root / "labs"), "--quick", *arguments)


def left(progress: str) -> tuple[str, ...]:
    found = re.search(r"lab ([0-9a-f]{4}) starts", progress)
    assert found is not None, progress
    return namespaces.names(f"{PREFIX}-{found[1]}-")


def test_a_power_off_and_a_kill_are_measured_drawn_and_cleaned_up(tmp_path: Path) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "figures.svg"
    done = subprocess.run(
        command(
            tmp_path, "--scenario", "power-off", "--scenario", "kill", "-o", "json",
            "--out", str(figures), "--picture", str(picture),
        ),
        capture_output=True, text=True, timeout=230, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    power_off, kill = json.loads(figures.read_text())["runs"]
    assert (power_off["scenario"], kill["scenario"]) == ("power-off", "kill")
    for run in (power_off, kill):
        assert run["recovered"]
        assert run["crashed"] == []
        assert run["new_leader"] not in (None, run["active"])
        assert run["tcp"]["outcome"] == "alive"
    assert power_off["lost_forward"] > 0
    assert 0 < power_off["first_move_ms"] < power_off["new_leader_s"] * 1000
    assert (kill["lost_forward"], kill["lost_backward"]) == (0, 0)
    assert len(ET.parse(picture).findall("{http://www.w3.org/2000/svg}g")) == 2
    assert left(done.stderr) == ()
    assert not (tmp_path / "labs").exists()


@pytest.mark.skipif(
    shutil.which("wireguard-go") is None,
    reason="the program 'wireguard-go' is absent: apt-get install wireguard-go",
)
def test_a_power_off_is_measured_with_wireguard_too(tmp_path: Path) -> None:
    words = command(
        tmp_path, "--driver", "wireguard", "--scenario", "power-off", "-o", "json",
        "--out", str(tmp_path / "figures.json"),
    )  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads((tmp_path / "figures.json").read_text())["runs"]
    assert run["recovered"]
    assert run["crashed"] == []
    assert run["new_leader"] not in (None, run["active"])
    assert run["tcp"]["outcome"] == "alive"
    assert 0 < run["first_move_ms"] < run["new_leader_s"] * 1000
    assert left(done.stderr) == ()


PLANNED = frozenset({
    "kill", "sigterm", "hand-over", "upgrade", "agent-restart", "sigstop", "partition-standby",
    "broker-away", "datastore-away", "standby-dies",
})  # fmt: skip
"""What is planned, or hits nothing that carries: not one packet is lost."""


@pytest.mark.timeout(900)
def test_the_quick_report_is_whole_and_what_is_planned_loses_nothing(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    if not pytestconfig.getoption("--full"):
        pytest.skip("takes some minutes: make test FULL=1")
    done = subprocess.run(
        command(tmp_path, "-o", "json"), capture_output=True, text=True, timeout=880, check=False
    )
    assert done.returncode == 0, done.stderr
    runs = {run["scenario"]: run for run in json.loads(done.stdout)["runs"]}
    assert list(runs) == [name for name in ORDER if name not in ASKED | SIMILAR]
    assert [name for name, run in runs.items() if not run["recovered"] or run["crashed"]] == []
    lost = {name: (run["lost_forward"], run["lost_backward"]) for name, run in runs.items()}
    assert {name: both for name, both in lost.items() if name in PLANNED and any(both)} == {}


def test_an_interrupted_report_leaves_nothing(tmp_path: Path) -> None:
    words = command(tmp_path, "--scenario", "kill")
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    with running.stderr:
        progress = running.stderr.readline()
        deadline = time.monotonic() + 30
        while len(left(progress)) < 16 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(running.pid, signal.SIGINT)
        progress += running.stderr.read()
    assert running.wait(timeout=30) == 128 + signal.SIGINT
    assert "ended by SIGINT" in progress
    assert left(progress) == ()
    assert not (tmp_path / "labs").exists()
