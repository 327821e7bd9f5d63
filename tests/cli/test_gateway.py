"""``submariner gateway`` as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.stores import Stores
from tests.conftest import Namespaces


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores(tmp_path)


@pytest.fixture
def node(netns: str, netns_factory: Namespaces) -> str:
    """A namespace with a default route, as a node has."""
    netns_factory.uplink(netns)
    return netns


class Process:
    """A gateway process; its standard error is a file."""

    def __init__(self, stores: Stores) -> None:
        self.log = stores.path.with_suffix(".log")
        with self.log.open("w") as err:
            self._process = subprocess.Popen(
                ["submariner", "gateway", "--config", str(stores.path)],
                stderr=err,
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            )

    def wait_for(self, words: str, seconds: float = 20.0) -> None:
        until = time.monotonic() + seconds
        while words not in self.log.read_text():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        return self._process.wait(20)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def process(stores: Stores, node: str) -> Iterator[Process]:
    made = Process(stores)
    yield made
    made.close()


@pytest.mark.netns
def test_a_gateway_leads_is_seen_and_ends_with_exit_code_0(
    process: Process, stores: Stores, run: Run
) -> None:
    process.wait_for("leadership-changed")
    process.wait_for("Endpoint east-submariner-cable-east-192-0-2-1")
    assert process.end() == 0
    shown = run("show", "gateways", "--config", stores.path).stdout.splitlines()
    assert shown[1].split()[:2] == ["east-gw1", "passive"]
    assert "Traceback" not in process.log.read_text()


@pytest.mark.netns
def test_a_node_without_an_address_says_why_in_one_line(
    netns: str, stores: Stores, tmp_path: Path
) -> None:
    made = Process(stores)
    try:
        code = made._process.wait(20)
    finally:
        made.close()
    text = made.log.read_text()
    assert code == 1
    assert "Traceback" not in text
    assert "set private_ip: to the node's address" in text.splitlines()[-1]


def test_a_wrong_setting_is_told_with_its_place(stores: Stores, run: Run) -> None:
    stores.path.write_text(stores.path.read_text() + "warm: 3\n")
    result = run("gateway", "--config", stores.path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{stores.path}:")


def test_a_hand_over_where_no_gateway_runs_says_so(stores: Stores, run: Run) -> None:
    result = run("gateway", "hand-over", "--config", stores.path)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_renewal_where_no_gateway_runs_says_so(stores: Stores, run: Run) -> None:
    result = run("gateway", "renew", "--config", stores.path)
    assert result.exit_code == 1
    assert "no gateway answers" in result.stderr


def test_a_pin_where_no_gateway_runs_says_so_and_off_takes_no_node(
    stores: Stores, run: Run
) -> None:
    result = run("gateway", "pin", "east-2", "--config", stores.path)
    assert result.exit_code == 1
    assert "no gateway answers" in result.stderr
    result = run("gateway", "pin", "east-2", "--off", "--config", stores.path)
    assert result.exit_code == 2
    assert "--off takes no node" in result.stderr


@pytest.mark.netns
def test_a_gateway_without_a_second_one_renews_by_itself_or_at_once(
    process: Process, stores: Stores, run: Run
) -> None:
    process.wait_for("Endpoint east-submariner-cable-east-192-0-2-1")
    for words in ((), ("--now",)):
        result = run("gateway", "renew", *words, "--config", stores.path)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.startswith("renewed: ")


@pytest.mark.netns
def test_a_gateway_is_pinned_shown_and_let_go_by_command(
    process: Process, stores: Stores, run: Run
) -> None:
    process.wait_for("Endpoint east-submariner-cable-east-192-0-2-1")

    def command(*words: str) -> str:
        result = run("gateway", "pin", *words, "--config", stores.path)
        assert result.exit_code == 0, result.stderr
        return result.stdout.strip()

    def shown() -> str:
        return run("show", "gateways", "--config", stores.path).stdout.splitlines()[1].split()[4]

    assert command() == "east-gw1 is pinned and leads, epoch 1"
    assert shown() == "yes"
    assert command("--off") == "no gateway is pinned"
    assert shown() == "no"
