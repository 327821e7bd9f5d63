"""No key in a core file: neither in one on the disk, nor in what a program is handed instead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest
from ruamel.yaml import YAML

MANIFEST = Path(__file__).parents[3] / "deploy/components/wireguard-userspace/daemons.yaml"


def keeps_its_memory(process: Path) -> bool:
    """Whether a process (its folder in ``/proc``) leaves nothing behind if it crashes."""
    limits = (process / "limits").read_text().splitlines()
    (most,) = (line.split()[4] for line in limits if line.startswith("Max core file size"))
    return most == "0" and int((process / "coredump_filter").read_text(), 16) == 0


@pytest.mark.netns
async def test_a_daemon_that_crashes_leaves_nothing_of_its_memory(userspace) -> None:
    east, _ = await userspace.pair()
    (pid,) = east.daemons()
    assert keeps_its_memory(Path(f"/proc/{pid}"))
    assert keeps_its_memory(Path("/proc/self"))


async def test_nor_does_one_that_the_manifest_starts(tmp_path: Path) -> None:
    stand_in = tmp_path / "wireguard-go"
    stand_in.write_text(
        "#!/bin/sh\nfor file in limits coredump_filter; do cat /proc/self/$file >$2.$file; done\n"
        'touch "$2.done"\nexec sleep 60\n'
    )
    stand_in.chmod(0o755)
    pod = YAML(typ="safe").load(MANIFEST)["spec"]["template"]["spec"]
    process = await asyncio.create_subprocess_exec(
        *pod["containers"][0]["command"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(20):
            while len(list(tmp_path.glob("*.done"))) < 8:  # noqa: ASYNC110 - files tell nobody
                await asyncio.sleep(0.02)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    for device in ("submariner", *(f"submariner-{slot}" for slot in range(1, 8))):
        folder = tmp_path / device
        folder.mkdir()
        for file in ("limits", "coredump_filter"):
            (tmp_path / f"{device}.{file}").rename(folder / file)
        assert keeps_its_memory(folder)
