"""The command ``submariner demo``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from rich.console import Console

from submariner_lab import ending, namespaces, state
from submariner_lab.blueprint import PREFIX
from submariner_lab.demo.finding import Finding, summary
from submariner_lab.demo.screen import Screen
from submariner_lab.demo.story import tell
from submariner_lab.drivers import Drivers
from submariner_lab.errors import LabError
from submariner_lab.lab import Lab
from submariner_lab.presets import Preset, by_cluster, options_of
from submariner_lab.presets import option as preset_option
from submariner_lab.program import program
from submariner_lab.spec import STORES, LabSpec


@click.command()
@click.option("--clusters", default=2, show_default=True, help="How many clusters.")
@click.option("--nodes", default=3, show_default=True, help="Nodes in each cluster.")
@click.option("--gateways", default=2, show_default=True, help="Gateway candidates among them.")
@click.option(
    "--driver", type=Drivers(), default="vxlan", show_default=True, help="The cable driver."
)
@click.option(
    "--store",
    default="local",
    show_default=True,
    type=click.Choice(STORES),
    help="What the stores are: small servers, etcds, or API servers (make kube-assets).",
)
@preset_option
@click.option("--keep", is_flag=True, help="Leave the lab up, and say how to enter it.")
@click.option("--down", is_flag=True, help="Remove kept labs, and do nothing else.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=state.ROOT,
    show_default=True,
    help="Where labs are recorded, with their files.",
)
def demo(
    clusters: int, nodes: int, gateways: int, driver: str, store: str,
    presets: tuple[Preset, ...], keep: bool, down: bool, root: Path,
) -> None:  # fmt: skip
    """Build clusters of network namespaces, connect them, fail one over, remove them.

    Needs root. Asks nothing and changes nothing outside namespaces of its own. Exit status 0 if
    everything that it claims held.
    """
    console = Console()
    for lab_id in state.remove_orphans(root):
        console.print(f"removed lab {lab_id}, whose owner is gone")
    if down:
        _down(console, root)
        return
    try:
        spec = LabSpec(
            clusters=clusters,
            nodes=nodes,
            gateways=gateways,
            driver=driver,
            store=store,
            options=options_of(presets),
            by_cluster=by_cluster(presets),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        findings = ending.run(_run(Lab(spec, root), console, keep))
    except ending.Ended as ended:
        console.print(str(ended))
        raise SystemExit(ended.exit_status) from None
    except LabError as error:
        raise click.ClickException(str(error)) from None
    console.print(summary(findings))
    raise SystemExit(0 if all(finding.held for finding in findings) else 1)


async def _run(lab: Lab, console: Console, keep: bool) -> list[Finding]:
    spec = lab.spec
    with Screen(console) as screen:
        screen.step(
            f"lab {lab.id}: {spec.clusters} clusters of {spec.nodes} nodes,"
            f" {spec.gateways} gateway candidates each, a broker, driver {spec.driver},"
            f" stores {spec.store}"
        )
        async with lab, asyncio.TaskGroup() as group:
            table = group.create_task(screen.refresh(lab))
            findings = await tell(lab, screen)
            if keep:
                lab.keep()
                screen.step("power on what is off, and leave")
                await lab.restore()
            table.cancel()
    if keep:
        _explain(lab, console)
    else:
        findings.append(_removed(lab))
    return findings


def _removed(lab: Lab) -> Finding:
    left = list(namespaces.names(f"{PREFIX}-{lab.id}-"))
    if lab.folder.exists():
        left.append(str(lab.folder))
    return Finding("nothing is left behind", not left, ", ".join(left))


def _explain(lab: Lab, console: Console) -> None:
    node = lab.nodes[0]
    show = f"ip netns exec {node.site.netns} {program()} show gateways --config {node.config}"
    pod = lab.nodes[-1].site.pod_address
    console.print(f"lab {lab.id} is kept. Files and logs: {lab.folder}")
    console.print(f"  a shell on a node:  ip netns exec {node.site.netns} bash", soft_wrap=True)
    console.print(f"  its gateways:       {show}", soft_wrap=True)
    console.print(
        f"  from its pod:       ip netns exec {node.site.pod_netns} ping {pod}", soft_wrap=True
    )
    console.print(f"  remove it:          {program()} demo --down", soft_wrap=True)


def _down(console: Console, root: Path) -> None:
    kept = [found.lab_id for found in state.recorded(root) if found.kept]
    for lab_id in kept:
        state.remove(lab_id, root)
        console.print(f"removed lab {lab_id}")
    if not kept:
        console.print("there is no kept lab")
