"""What the image runs where it takes the place of upstream's: its commands, its environments."""

from __future__ import annotations

import os
import subprocess

import pytest

from submariner_core import __version__
from tests.conftest import Namespaces
from tests.plugins.kubernetes.container import ENTRYPOINTS, PATH
from tests.plugins.kubernetes.manifests import DEPLOY


def command(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What a command of the image does in a container with just this environment."""
    return subprocess.run(
        words,
        env={"PATH": PATH, **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("program", "component"),
    [
        ("submariner-gateway", "submariner-gateway"),
        ("submariner.sh", "submariner-gateway"),
        ("submariner-routeagent", "submariner-routeagent"),
        ("submariner-route-agent", "submariner-routeagent"),
        ("submariner-route-agent.sh", "submariner-routeagent"),
    ],
)
def test_upstreams_programs_tell_their_version_where_its_tools_read_it(
    program: str, component: str
) -> None:
    told = command(program, "--version")
    assert told.returncode == 0
    assert told.stderr == f"{component} version: {__version__}\n"


def test_upstreams_commands_are_our_daemons() -> None:
    for program, words in (("submariner.sh", "gateway"), ("submariner-route-agent.sh", "agent")):
        told = command(program, "--help")
        assert told.returncode == 0
        assert f"Run this node's {'route ' if words == 'agent' else ''}{words}" in told.stdout


def test_the_image_holds_all_entry_points() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert "COPY entrypoints/ /usr/local/bin/" in text
    assert all(os.access(path, os.X_OK) for path in ENTRYPOINTS.iterdir())


def test_upstreams_init_container_says_nothing_but_its_node(
    netns: str, netns_factory: Namespaces
) -> None:
    netns_factory.uplink(netns)
    told = command("submariner-route-agent.sh", SUBMARINER_WAITFORNODE="true", NODE_NAME="east-1")
    assert told.returncode == 0, told.stderr
    assert "address=192.0.2.1" in told.stderr
