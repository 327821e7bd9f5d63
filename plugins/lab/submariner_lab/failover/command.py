"""The command ``submariner failover``."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from submariner_lab import ending, state
from submariner_lab.drivers import Drivers
from submariner_lab.errors import LabError
from submariner_lab.failover.catalogue import ASKED, SCENARIOS, SIMILAR
from submariner_lab.failover.markdown import markdown
from submariner_lab.failover.picture import draw
from submariner_lab.failover.saved import load, write
from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.series import Say, Series
from submariner_lab.failover.summary import Document, whole
from submariner_lab.failover.table import report
from submariner_lab.presets import Preset
from submariner_lab.presets import option as preset_option
from submariner_lab.spec import STORES

WIDTH = 160
"""Columns of a table that is not shown on a terminal."""


@click.command()
@click.option(
    "--driver",
    "drivers",
    type=Drivers(),
    multiple=True,
    default=("vxlan",),
    show_default=True,
    help="A cable driver; may be repeated.",
)
@click.option(
    "--store",
    default="local",
    show_default=True,
    type=click.Choice(STORES),
    help="What the stores are: small servers, etcds, or API servers (make kube-assets).",
)
@preset_option
@click.option(
    "--scenario",
    "names",
    multiple=True,
    type=click.Choice(list(SCENARIOS)),
    metavar="NAME",
    help="A fault; may be repeated. Without it, all of them: "
    f"{', '.join(name for name in SCENARIOS if name not in ASKED)}. "
    f"Only when asked for: {', '.join(sorted(ASKED))}.",
)
@click.option(
    "--duration",
    default=3600.0,
    show_default=True,
    type=click.FloatRange(1.0),
    help="Seconds for which nothing happens in fault-free.",
)
@click.option(
    "--runs",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="How often each; figures are then least / median / most.",
)
@click.option("--quick", is_flag=True, help="One driver, one run, short absences.")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the figures here instead of to stdout, after each run those so far.",
)
@click.option(
    "--from",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Measure nothing: tell what this JSON file has, and all others given so.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the packets received over time here: FILE.svg.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=state.ROOT,
    show_default=True,
    help="Where labs are recorded, with their files.",
)
def failover(
    drivers: tuple[str, ...], store: str, presets: tuple[Preset, ...], names: tuple[str, ...],
    duration: float, runs: int, quick: bool, form: str, out: Path | None,
    files: tuple[Path, ...], picture: Path | None, root: Path,
) -> None:  # fmt: skip
    """Measure what each fault costs, per cable driver, in a lab of two clusters.

    Needs root. Asks nothing and changes nothing outside namespaces of its own. Progress goes to
    stderr. Exit status 0 when every run could be carried out: figures are reported, not judged.
    """
    if quick and (runs > 1 or len(drivers) > 1):
        raise click.UsageError("--quick is one driver and one run")
    _check_files(out, picture)
    if files:
        _tell_saved(files, form, out, picture)
        return
    for lab_id in state.remove_orphans(root):
        click.echo(f"removed lab {lab_id}, whose owner is gone", err=True)
    left_out = ASKED | SIMILAR if quick else ASKED
    chosen = names or [name for name in SCENARIOS if name not in left_out]
    scenarios = [SCENARIOS[name] for name in chosen]
    series = Series(
        runs,
        quick=quick,
        root=root,
        say=_progress(),
        store=store,
        presets=presets,
        duration=duration,
        ended=lambda: _tell(_documents(series), form, out) if out is not None else None,
    )
    ended: ending.Ended | None = None
    broken = ""
    try:
        ending.run(_run(series, drivers, scenarios))
    except ending.Ended as early:
        ended = early
        click.echo(str(ended), err=True)
    except LabError as error:
        broken = str(error)
    if series.done or not (broken or ended):
        _tell(_documents(series), form, out)
        if picture is not None:
            picture.write_text(draw(series.done))
    failed = [run for run in series.done if run.failure]
    for run in failed:
        reason = run.failure.partition("\n")[0]
        click.echo(f"could not be carried out: {run.driver} {run.scenario}: {reason}", err=True)
    if ended:
        raise SystemExit(ended.exit_status)
    if broken:
        raise click.ClickException(broken)
    raise SystemExit(1 if failed else 0)


async def _run(
    series: Series,
    drivers: Sequence[str],
    scenarios: Sequence[Scenario],
) -> None:
    for driver in drivers:
        await series.run(driver, scenarios)


def _check_files(out: Path | None, picture: Path | None) -> None:
    """Raises a usage error for a file that could not be written in the end."""
    if picture is not None and picture.suffix != ".svg":
        raise click.UsageError(
            f"--picture {picture}: pictures are SVG here; name it {picture.with_suffix('.svg')}"
            " (any browser shows it, and rsvg-convert or Inkscape make a PNG of it)"
        )
    for file in (out, picture):
        if file is not None and not file.absolute().parent.is_dir():
            raise click.UsageError(f"{file}: there is no folder {file.absolute().parent}")


def _progress() -> Say:
    began = time.monotonic()
    return lambda line: click.echo(f"{time.monotonic() - began:6.1f} s  {line}", err=True)


def _documents(series: Series) -> list[Document]:
    return [run.document() for run in series.done]


def _tell_saved(files: Sequence[Path], form: str, out: Path | None, picture: Path | None) -> None:
    """Raises a usage error for what saved figures are not enough for."""
    if picture is not None:
        raise click.UsageError("--picture needs every packet of a run, which files do not keep")
    try:
        runs = load(files)
    except LabError as error:
        raise click.ClickException(str(error)) from error
    _tell(runs, form, out)


def _tell(runs: Sequence[Document], form: str, out: Path | None) -> None:
    console = Console()
    if out is None and form == "table":
        Console(width=None if console.is_terminal else WIDTH).print(report(runs))
    elif out is None:
        click.echo(_text(runs, form), nl=False)
    else:
        write(out, _text(runs, form))


def _text(runs: Sequence[Document], form: str) -> str:
    if form == "json":
        return json.dumps(whole(runs), indent=2) + "\n"
    if form == "markdown":
        return markdown(runs) + "\n"
    page = io.StringIO()
    Console(file=page, width=WIDTH).print(report(runs))
    return page.getvalue()
