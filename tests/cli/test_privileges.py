"""Daemons and ``cleanup`` started without the privileges they need."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from submariner_core.api.transport import Kind
from submariner_core.engine.control import SOCKET
from tests.cli.stores import Stores
from tests.cli.test_cleanup import ROUTE_AGENT

WITHOUT = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

pytestmark = pytest.mark.netns


def submariner(prefix: tuple[str, ...], *words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "submariner"
    return subprocess.run(
        [*prefix, str(program), *words], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def stores(netns: str, tmp_path: Path) -> Stores:
    return Stores(tmp_path)


@pytest.mark.parametrize(
    "words", [("gateway",), ("route-agent",), ("cleanup", "--yes")], ids=lambda words: words[0]
)
def test_without_capabilities_it_ends_at_once_and_names_them(
    stores: Stores, words: tuple[str, ...]
) -> None:
    stores.put("datastore", ROUTE_AGENT)
    done = submariner(WITHOUT, *words, "--config", str(stores.path))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("this process needs CAP_NET_ADMIN to program devices")
    assert ": run it as root; in a container, add it to the capabilities" in last
    assert "Traceback" not in done.stderr
    assert stores.names("datastore") == [f"{Kind.ROUTE_AGENT.value} east-gw1"]


def test_a_state_folder_that_is_somebody_elses_is_one_line(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / SOCKET).touch()
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(0o755)  # so that anyone comes as far as the folder itself
    done = submariner(AS_NOBODY, "cleanup", "--yes", "--config", str(stores.path))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"state_dir: {tmp_path / 'state'}/")
    assert line.endswith(": Permission denied; run as root")
