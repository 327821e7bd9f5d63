"""Two clusters whose daemons run in containers as the manifests say, with no privilege more."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from submariner_lab import Lab, LabSpec, namespaces
from submariner_lab.errors import LabError
from submariner_lab.kube import assets
from submariner_lab.process import Process

from tests.deploy import built
from tests.deploy.pod import Object, granted, had
from tests.deploy.runtime import DAEMONS, Containers, needs_crun

pytestmark = [needs_crun, pytest.mark.lab, pytest.mark.timeout(180)]

START = 60.0
ALONE = frozenset({"NET_ADMIN"})
"""What a privileged pod keeps, whose command gives away the rest."""

Case = tuple[str, tuple[str, ...]]
VXLAN: Case = ("vxlan", ())
WIREGUARD: Case = ("wireguard-userspace", ())
CHARON: Case = ("libreswan", ("libreswan-userspace",))


def image() -> Path:
    """The image; skips if that, or the programs of its stores, are not built."""
    try:
        assets.find()
    except LabError as error:
        pytest.skip(str(error))
    return built.image("charon")


@contextlib.asynccontextmanager
async def running(containers: Containers) -> AsyncIterator[tuple[Lab, list[Process]]]:
    """A lab of containers, all connected; the processes beside its daemons.

    The image has no plugins but those of Kubernetes for stores.
    """
    spec = LabSpec(
        daemons=False,
        nodes=2,
        gateways=1,
        store="local" if containers.image is None else "k8s",
        driver=next(iter(containers.options), "vxlan"),
        options=containers.options,
        settings={"state_dir": "/var/lib/submariner"},
    )
    lab = Lab(spec)
    containers.hold(lab)
    beside: list[Process] = []
    try:
        async with lab:
            for name in containers.pods.keys() - DAEMONS.values():
                beside += containers.beside(lab, name)
            for process in beside:
                process.start()
            for node in lab.nodes:
                # an administrator's filter, through which cross-cluster packets are to be let
                legacy = ("iptables-legacy", "-P", "FORWARD", "DROP")
                namespaces.run(("ip", "netns", "exec", node.site.netns, *legacy))
                node.start()
            await lab.until(lab.settled, START, "every gateway is ready and connected")
            yield lab, beside
            assert lab.crashes() == []
    finally:
        for process in beside:
            process.reap()


def secret(folder: Path) -> dict[str, Path]:
    """The Secret with the PSK, as it is mounted."""
    folder.mkdir()
    (folder / "psk").write_text(secrets.token_hex(32))
    (folder / "psk").chmod(0o400)
    return {"psk": folder, "submariner-ipsec-psk": folder}


def family(pid: int) -> Iterator[int]:
    """The processes below one."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from family(int(child))


def confined(process: Process, pod: Object) -> None:
    """What runs in a container has what its manifest grants, and can get no more."""
    (container,) = pod["containers"]
    privileged = container["securityContext"].get("privileged", False)
    inside = list(family(process.pid))
    assert inside
    for pid in inside:
        assert had("CapEff", str(pid)) == (ALONE if privileged else granted(container))
        assert had("CapBnd", str(pid)) == had("CapEff", str(pid))
        status = Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1\n" in status
        assert privileged or "Seccomp:\t2\n" in status


@pytest.mark.parametrize(
    ("case", "of_image"),
    [
        pytest.param(VXLAN, False, id="vxlan"),
        pytest.param(WIREGUARD, False, id="wireguard"),
        pytest.param(VXLAN, True, id="vxlan-image", marks=pytest.mark.kube),
        pytest.param(WIREGUARD, True, id="wireguard-image", marks=pytest.mark.kube),
        pytest.param(CHARON, True, id="charon-image", marks=pytest.mark.kube),
    ],
)
async def test_two_clusters_connect_with_what_the_manifests_grant(
    case: Case, of_image: bool, tmp_path: Path
) -> None:
    root = image() if of_image else None
    containers = Containers(tmp_path, *case, root, secret(tmp_path / "secret"))
    async with running(containers) as (lab, beside):
        east, west = lab.clusters
        for source, target in ((east, west), (west, east)):
            for node in source.nodes:
                seen = await lab.ask(node, target.nodes[-1])
                assert seen.server == f"pod of {target.nodes[-1].site.name}"
        for process in (*beside, *(one for node in lab.nodes for one in node.daemons)):
            name = process.name.partition(" ")[0]
            confined(process, containers.pods[DAEMONS.get(name, name)])
        for node in lab.nodes:
            said = namespaces.run(
                ("ip", "netns", "exec", node.site.netns, "sysctl", "-n",
                 "net.ipv4.conf.vx-submariner.rp_filter", "net.ipv4.conf.all.send_redirects")
            )  # fmt: skip
            assert said.split() == ["2", "0"]
