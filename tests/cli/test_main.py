"""The command line itself: lists, looks up and fails without importing more than it needs."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner, Result

from submariner_core import __version__
from submariner_core.cli import lazy
from submariner_core.cli.main import main
from submariner_core.loading.distributions import COMMAND_GROUP
from tests.cli.conftest import Run
from tests.loading.site import Site

IDENTITY = """
import click
from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import PluginInfo

@hookimpl
def submariner_plugin_info():
    return PluginInfo("extra", (1, 0))
"""

COMMANDS = (
    IDENTITY
    + """
@hookimpl
def submariner_register_commands(cli):
    @cli.command()
    def extra():
        click.echo("extra speaks")

    @cli.command()
    def check():
        click.echo("hijacked")
"""
)


def install(site: Site, source: str) -> None:
    points = {COMMAND_GROUP: ["extra = extra_plugin"]}
    site.install("submariner-extra", points, {"extra_plugin": source})


def test_help_lists_commands_without_importing_anything_heavy() -> None:
    code = """
import sys
from submariner_core.cli.main import main
main(["--help"], standalone_mode=False)
heavy = {"pydantic", "stevedore", "pluggy", "rich", "ruamel.yaml", "structlog", "asyncio"}
print("heavy:", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert "check" in done.stdout
    assert done.stdout.endswith("heavy: []\n")


def test_a_plugins_command_is_listed_without_its_import(site: Site, run: Run) -> None:
    install(site, "raise RuntimeError('imported')\n")
    result = run("--help")
    assert result.exit_code == 0
    assert "extra" in result.output
    assert "(submariner-extra)" in result.output


def test_a_plugins_command_runs(site: Site, run: Run) -> None:
    install(site, COMMANDS)
    assert run("extra").output == "extra speaks\n"


def test_a_plugins_command_logs_as_a_daemon_does(site: Site, run: Run) -> None:
    speaks = """
import structlog
log = structlog.get_logger("extra")

@hookimpl
def submariner_register_commands(cli):
    @cli.command()
    def extra():
        log.debug("too-fine")
        log.warning("store-failed", error="disk")
"""
    install(site, IDENTITY + speaks)
    result = run("extra")
    assert result.stdout == ""
    assert "store-failed" in result.stderr
    assert "too-fine" not in result.output


def test_a_plugin_cannot_replace_another_command(site: Site, run: Run) -> None:
    install(site, COMMANDS)
    run("extra")
    result = run("check", "--help")
    assert "hijacked" not in result.output
    assert "Judge CONFIG" in result.output


def test_a_plugin_that_adds_no_such_command_is_an_error(site: Site, run: Run) -> None:
    install(site, COMMANDS.replace("def extra()", "def other()"))
    result = run("extra")
    assert result.exit_code == 1
    assert result.stderr == (
        "command 'extra' (submariner-extra 1.2.3): submariner_register_commands added no "
        "command 'extra', only check, other\n"
    )


def test_a_broken_plugins_command_fails_in_one_line(site: Site, run: Run) -> None:
    install(site, "import module_that_is_not_there\n")
    result = run("extra")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "No module named 'module_that_is_not_there'" in result.stderr


def test_a_command_of_ours_that_is_absent_says_how_to_get_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy, "_plugin_commands", dict)
    result = run("store")
    assert result.exit_code == 2
    assert "to get it: pip install submariner-local" in result.stderr


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    result = run("nope")
    assert result.exit_code == 2
    assert "No such command 'nope'" in result.stderr


def test_version(run: Run) -> None:
    assert run("--version").output == f"submariner, version {__version__}\n"


def fail(name: str) -> Result:
    cli = lazy.LazyGroup(lazy={name: lazy.LazyCommand(f"tests.cli.failing:{name}", "")})
    return CliRunner().invoke(cli, [name])


def test_errors_of_a_task_group_are_told_one_by_one() -> None:
    result = fail("ours")
    assert result.exit_code == 1
    assert result.stderr == "g.yaml:1:2: wrong\nno driver\n"


def test_an_error_that_is_not_ours_is_not_dressed_up() -> None:
    assert isinstance(fail("mixed").exception, ExceptionGroup)


def test_names_complete_without_importing_commands(site: Site) -> None:
    install(site, "raise RuntimeError('imported')\n")
    found = main.shell_complete(click.Context(main), "")
    names = {item.value: item.help for item in found}
    assert names["extra"] == "(submariner-extra)"
    assert names["check"]
    assert [item.value for item in main.shell_complete(click.Context(main), "plu")] == ["plugins"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shells_script(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_SUBMARINER_COMPLETE" in result.output


def test_both_sides_look_in_one_group() -> None:
    assert lazy.PLUGIN_GROUP == COMMAND_GROUP
