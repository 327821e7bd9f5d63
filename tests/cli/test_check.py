"""``submariner check`` and ``submariner plugins``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from submariner_core.api.info import Role
from submariner_core.loading.distributions import FIRST_PARTY
from tests.cli.conftest import Run
from tests.loading.site import Site, whole

CONFIG = """\
cluster_id: east
plugins: {cable: [fake], election: fake, datastore: fake}
options:
  fake: {port: 4500}
"""
PARTS = ("cable", "election", "broker", "route", "extension")


@pytest.fixture
def config(site: Site, tmp_path: Path) -> Path:
    site.plugin(whole("fake"), roles=PARTS)
    path = tmp_path / "g.yaml"
    path.write_text(CONFIG)
    return path


def test_a_good_file_is_shown_as_what_it_loads(config: Path, run: Run) -> None:
    result = run("check", config)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["NAME", "ROLE", "DISTRIBUTION", "VERSION", "API", "CAPABILITIES"]
    assert lines[1].split() == (
        ["fake", "cable", "submariner-fake", "1.2.3", "1.0", "standby,", "counters"]
    )
    assert [line.split()[1] for line in lines[1:]] == ["cable", "election", "datastore"]
    assert result.stderr == f"cables listen on UDP 4500, 4501\n{config}: cluster east, ok\n"


def test_ranges_of_ipv6_are_named_as_not_end_to_end_and_are_no_mistake(
    config: Path, run: Run
) -> None:
    ranges = (
        "cluster_cidr: [10.1.0.0/16, 'fd01::/48']\nservice_cidr: ['fd02::/112', 100.1.0.0/16]\n"
    )
    config.write_text(CONFIG + ranges)
    result = run("check", config)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == (
        "IPv6 is not end to end in this release: not advertised: fd01::/48, fd02::/112"
    )


def test_nothing_is_opened(config: Path, run: Run, tmp_path: Path) -> None:
    config.write_text(CONFIG + f"state_dir: {tmp_path / 'state'}\n")
    assert run("check", config).exit_code == 0
    assert not (tmp_path / "state").exists()


def test_a_mistake_is_told_at_the_start_of_its_line(config: Path, run: Run) -> None:
    config.write_text(CONFIG.replace("4500", "0"))
    result = run("check", config)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"{config}:4:16: options.fake.port: must be >= 1\n"


def test_a_missing_plugin_is_an_error_with_its_place(
    config: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FIRST_PARTY, (Role.CABLE.group, "semaphore"), "submariner-semaphore")
    config.write_text(CONFIG.replace("[fake]", "[semaphore]").replace("  fake:", "  semaphore:"))
    result = run("check", config)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{config}:2:19: plugins.cable[0]: there is no cable")
    assert "pip install submariner-semaphore" in result.stderr


def test_the_environment_can_be_checked_too(config: Path, run: Run) -> None:
    result = run("check", SUBMARINER_CLUSTERID="East")
    assert result.exit_code == 1
    assert result.stderr.startswith("SUBMARINER_CLUSTERID: cluster_id: must be lower-case")


def test_the_file_may_be_named_where_every_command_finds_it(config: Path, run: Run) -> None:
    result = run("check", SUBMARINER_CONFIG=str(config))
    assert result.stderr.endswith(f"{config}: cluster east, ok\n")


def test_check_speaks_json(config: Path, run: Run) -> None:
    rows = json.loads(run("check", config, "-o", "json").stdout)
    assert rows[0]["capabilities"] == ["standby", "counters"]
    assert "cable_driver" in rows[0]["hooks"]


def test_plugins_lists_what_is_installed(config: Path, run: Run) -> None:
    rows = YAML(typ="safe").load(run("plugins", "-o", "yaml").stdout)
    ours = [row for row in rows if row["distribution"] == "submariner-fake"]
    assert {row["role"] for row in ours} == {*PARTS, "datastore"}
    assert all(row["problem"] == "" and row["api"] == "1.0" for row in ours)


def test_a_broken_plugin_is_listed_with_the_reason(site: Site, run: Run) -> None:
    site.plugin("import module_that_is_not_there\n", "broken")
    site.plugin(whole("old").replace("(1, 0)", "(0, 4)"), "old")
    result = run("plugins")
    assert result.exit_code == 1
    broken = next(line for line in result.stdout.splitlines() if line.startswith("broken"))
    assert "No module named 'module_that_is_not_there'" in broken
    old = next(line for line in result.stdout.splitlines() if line.startswith("old"))
    assert "upgrade submariner-old" in old
