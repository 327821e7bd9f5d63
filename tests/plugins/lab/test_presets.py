"""``--set``: options of plugins in a lab, for all clusters or one."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from submariner_lab import LabSpec
from submariner_lab.presets import Preset, by_cluster, option, options_of


@click.command()
@option
def shown(presets: tuple[Preset, ...]) -> None:
    click.echo(repr((options_of(presets), by_cluster(presets), " ".join(map(str, presets)))))


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(shown, [part for word in words for part in ("--set", word)])
    return result.exit_code, result.output.strip()


def test_an_option_holds_in_all_clusters_or_in_one_and_has_the_type_that_yaml_gives_it() -> None:
    given = ("libreswan.port=4600", "libreswan.force_encaps=true", "west:libreswan.daemon=auto")
    assert run(*given) == (
        0,
        repr(
            (
                {"libreswan": {"port": 4600, "force_encaps": True}},
                {"west": {"libreswan": {"daemon": "auto"}}},
                " ".join(given),
            )
        ),
    )


@pytest.mark.parametrize(
    "text", ["port=1", "libreswan.port", ":libreswan.port=1", "a.b=[1", ".b=1"]
)
def test_what_is_no_option_is_refused_with_the_form(text: str) -> None:
    code, said = run(text)
    assert code == 2
    assert "[CLUSTER:]PLUGIN.OPTION=VALUE" in said


def test_a_lab_has_no_options_of_a_cluster_that_is_not_in_it() -> None:
    with pytest.raises(ValueError, match=r"options: there is no cluster 'mars' among east, west"):
        LabSpec(by_cluster={"mars": {}})
