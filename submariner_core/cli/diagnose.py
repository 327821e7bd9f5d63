"""``submariner diagnose``: what stands in the way of traffic, found without changing anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from submariner_core.api.errors import ConfigError, PluginError, SubmarinerError
from submariner_core.cli.output import Column, output_option, plain, render
from submariner_core.cli.settings_option import config_option

if TYPE_CHECKING:
    from submariner_core.cli.checks.finding import Check, Finding, Subject
    from submariner_core.loading import Loaded

TIMEOUT = 60.0
"""Seconds for one check."""
COLUMNS = (Column("check"), Column("verdict"), Column("detail"), Column("remedy"))


@click.command()
@config_option
@output_option
def diagnose(config: Path | None, output: str) -> None:
    """Look at this node for what stands in the way of traffic.

    Nothing is changed. Kernel features are tried in a network namespace that goes with the trial.
    Without settings, only the node is looked at. The exit code is 1 if there is any error.
    """
    from submariner_core.cli.checks.finding import Verdict

    findings = asyncio.run(_diagnose(config, os.environ))
    render([plain(finding) for finding in findings], COLUMNS, output)
    if any(finding.verdict is Verdict.ERROR for finding in findings):
        raise SystemExit(1)


async def _diagnose(config: Path | None, environ: Mapping[str, str]) -> list[Finding]:
    from submariner_core.cli.checks.catalogue import OF_THE_NODE, OF_THE_SETTINGS
    from submariner_core.cli.checks.finding import Subject
    from submariner_core.config.settings import Log
    from submariner_core.kernel import Kernel
    from submariner_core.observe.logs import configure

    configure(Log(level="warning"))
    loaded, findings = _settings(config, environ)
    checks = OF_THE_NODE if loaded is None else (*OF_THE_NODE, *OF_THE_SETTINGS)
    async with Kernel() as kernel, asyncio.TaskGroup() as group:
        subject = Subject(kernel, loaded)
        running = [group.create_task(_run(check, subject)) for check in checks]
    return [*findings, *(finding for done in running for finding in done.result())]


def _settings(
    config: Path | None, environ: Mapping[str, str]
) -> tuple[Loaded | None, list[Finding]]:
    """The settings with their plugins, as far as there are any, and what is to be said of them."""
    from submariner_core.cli.checks.finding import error, ok, warning
    from submariner_core.loading import load_from

    check = "settings"
    if config is None and not environ.get("SUBMARINER_CLUSTERID"):
        detail = "none given: stores, lease and address ranges are not looked at"
        return None, [warning(check, detail, "give --config FILE")]
    try:
        loaded = load_from(config, environ)
    except (ConfigError, PluginError) as reason:
        return None, [error(check, str(reason), "correct it: submariner check FILE")]
    return loaded, [ok(check, f"{config or 'environment'}: cluster {loaded.settings.cluster_id}")]


async def _run(check: Check, subject: Subject) -> list[Finding]:
    """What one check finds; a check that fails is itself a finding."""
    from submariner_core.cli.checks.finding import error

    try:
        async with asyncio.timeout(TIMEOUT):
            return list(await check(subject))
    except (SubmarinerError, OSError) as reason:
        words = str(reason) or f"no answer within {TIMEOUT:.0f} s"
        return [error(check.__name__.replace("_", " "), words, "see the reason")]
