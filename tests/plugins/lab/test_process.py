from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from submariner_lab import LabError, namespaces
from submariner_lab.process import Process

pytestmark = pytest.mark.netns
NETNS = "sublab-test-process"


@pytest.fixture
def space() -> Iterator[str]:
    namespaces.batch((f"netns add {NETNS}",))
    yield NETNS
    namespaces.remove((NETNS,))


def shell(space: str, folder: Path, script: str) -> Process:
    return Process(
        "a shell", space, ("sh", "-c", script), folder / "log",
        host_name="node-7", run_dir=folder / "run",
    )  # fmt: skip


async def test_a_process_has_a_host_name_and_a_run_folder_of_its_own(
    space: str, tmp_path: Path
) -> None:
    process = shell(space, tmp_path, "hostname; echo x > /run/mine; exit 3")
    process.start()
    assert await process.wait() == 3
    assert process.tail() == "node-7"
    assert (tmp_path / "run" / "mine").read_text() == "x\n"
    assert not Path("/run/mine").exists()


async def test_signals_reach_the_process(space: str, tmp_path: Path) -> None:
    process = shell(space, tmp_path, "exec sleep 60")
    process.start()
    assert process.running
    with pytest.raises(LabError, match="already runs"):
        process.start()
    process.freeze()
    assert process.running
    process.thaw()
    process.terminate()
    assert await process.wait() == -signal.SIGTERM
    process.terminate()
    await process.restart(kill=True)
    assert process.running
    process.kill()
    assert process.exit_status == -signal.SIGKILL


def test_a_process_that_was_never_started_has_no_pid(space: str, tmp_path: Path) -> None:
    process = shell(space, tmp_path, "true")
    assert not process.running
    with pytest.raises(LabError, match="was not started"):
        _ = process.pid
