"""``submariner failover``: what it refuses before it builds anything."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from submariner_lab.demo.command import demo
from submariner_lab.failover import catalogue
from submariner_lab.failover.command import failover


def refused(*arguments: str) -> Result:
    result = CliRunner().invoke(failover, arguments)
    assert result.exit_code == 2, result.output
    return result


def test_every_scenario_is_in_the_help_and_has_a_description() -> None:
    text = " ".join(CliRunner().invoke(failover, ["--help"]).output.split())
    for name, scenario in catalogue.SCENARIOS.items():
        assert name.replace("-", "") in text.replace("-", "").replace(" ", "")
        assert name == scenario.name
        assert scenario.text


def test_no_scenario_of_a_part_is_left_out_of_the_order() -> None:
    assert set(catalogue.ORDER) == set(catalogue.SCENARIOS)
    assert len(catalogue.ORDER) == len(set(catalogue.ORDER))


@pytest.mark.parametrize("command", [demo, failover])
def test_a_driver_that_is_not_installed_is_named_with_those_that_are(
    command: click.Command,
) -> None:
    result = CliRunner().invoke(command, ["--driver", "vxlan,carrier-pigeon"])
    assert result.exit_code == 2
    assert "no cable driver 'carrier-pigeon'" in result.output
    assert re.search(r"installed: direct, .*vxlan", result.output)


def test_a_png_is_refused_with_the_name_that_would_do(tmp_path: Path) -> None:
    assert "figures.svg" in refused("--picture", str(tmp_path / "figures.png")).output


@pytest.mark.parametrize("option", ["--out", "--picture"])
def test_a_file_that_could_not_be_written_is_refused_at_once(option: str, tmp_path: Path) -> None:
    assert "no folder" in refused(option, str(tmp_path / "absent" / "file.svg")).output


def test_quick_is_one_driver_and_one_run() -> None:
    assert "one run" in refused("--quick", "--runs", "2").output
    assert "one driver" in refused("--quick", "--driver", "vxlan", "--driver", "direct").output


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    assert "power-off" in refused("--scenario", "earthquake").output
