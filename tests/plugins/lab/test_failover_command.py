"""``submariner failover``: what it refuses before it builds anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from submariner_lab.demo.command import demo
from submariner_lab.failover import catalogue
from submariner_lab.failover.command import failover
from submariner_lab.failover.figures import Run
from submariner_lab.failover.series import Series
from submariner_lab.failover.summary import whole

from tests.plugins.lab.failover_figures import run


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


def test_an_hour_of_nothing_is_spent_only_when_asked_for() -> None:
    text = " ".join(CliRunner().invoke(failover, ["--help"]).output.split())
    assert "Only when asked for: fault-free." in text
    assert set(catalogue.SCENARIOS) > catalogue.ASKED
    assert "0.5 is not in the range" in refused("--duration", "0.5").output


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


def saved(folder: Path, name: str, *runs: Run) -> str:
    file = folder / name
    file.write_text(json.dumps(whole([run.document() for run in runs])))
    return str(file)


def test_saved_figures_become_one_table_numbered_anew(tmp_path: Path) -> None:
    files = [
        "--from", saved(tmp_path, "one.json", run(), run("kill")),
        "--from", saved(tmp_path, "two.json", run()),
    ]  # fmt: skip
    done = CliRunner().invoke(failover, [*files, "-o", "json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    numbered = [(one["scenario"], one["run"]) for one in document["runs"]]
    assert numbered == [("power-off", 1), ("kill", 1), ("power-off", 2)]
    assert [one["runs"] for one in document["summary"]] == [2, 1]
    out = tmp_path / "table.md"
    done = CliRunner().invoke(failover, [*files, "-o", "markdown", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "| power-off | 300 / 300 / 300 |" in out.read_text()
    table = CliRunner().invoke(failover, files).output
    assert "power-off, run 2" in table
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "table.md", "two.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"runs": [{}]}', '{"runs": [1]}'])
def test_a_file_that_has_no_figures_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    done = CliRunner().invoke(failover, ["--from", str(file)])
    assert done.exit_code == 1
    assert f"{file}: " in done.output
    assert "submariner failover -o json" in done.output


def test_files_keep_too_little_for_a_picture(tmp_path: Path) -> None:
    file = saved(tmp_path, "one.json", run())
    wrong = refused("--from", file, "--picture", str(tmp_path / "figures.svg"))
    assert "--picture" in wrong.output


def test_figures_are_written_as_runs_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed in the fifth hour has the figures of four."""
    out, seen = tmp_path / "figures.json", []

    async def runs(series: Series, *_: object) -> None:
        for number in (1, 2):
            series.done.append(run(number=number))
            series._ended()
            seen.append(len(json.loads(out.read_text())["runs"]))

    monkeypatch.setattr(Series, "run", runs)
    words = ["--root", str(tmp_path), "-o", "json", "--out", str(out)]
    assert CliRunner().invoke(failover, words).exit_code == 0
    assert seen == [1, 2]


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    assert "power-off" in refused("--scenario", "earthquake").output
