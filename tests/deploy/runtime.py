"""Containers of ``deploy/`` under crun, in network namespaces: in place of a lab's daemons too."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from submariner_lab import Lab, Node, ipsec
from submariner_lab.process import Process
from submariner_lab.program import program

from tests.deploy.pod import (
    SECCOMP,
    Object,
    bind,
    config_maps,
    configuration,
    manifests,
    options,
    pods,
)

needs_crun = pytest.mark.skipif(
    shutil.which("crun") is None or not SECCOMP.exists(),
    reason="there is no crun here, or no seccomp profile for it: .ci/setup",
)
DAEMONS = {"gateway": "submariner-gateway", "route-agent": "submariner-routeagent"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RUN = """
set -e
mount -t tmpfs tmpfs "$1/mnt"
if [ "$3" ]; then
    mkdir "$1/mnt/root" "$1/mnt/upper" "$1/mnt/work"
    cd "$1/mnt"
    mount -t overlay overlay -o "lowerdir=$3,upperdir=upper,workdir=work" root
else
    mkdir -p "$1/mnt/root/tmp"
    for link in bin sbin lib lib64; do ln -s "usr/$link" "$1/mnt/root/$link"; done
    [ ! -e /opt ] || mkdir "$1/mnt/root/opt"
fi
cp "$1/config.json" "$1/mnt/"
[ -z "$4" ] || mkdir -p $4
[ -z "$5" ] || touch $5
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec crun --cgroup-manager=disabled --root "$1/mnt/state" run --bundle "$1/mnt" "$2"
"""
"""Folder, name and image of a container; folders and files to make on its node first.

In a mount namespace of its own. crun wants to see cgroups, though it is to make none, and
``ip netns exec`` has hidden them.
"""


@dataclass(frozen=True)
class Containers:
    """How containers are made: of which manifests, and of which image (else of this machine's)."""

    folder: Path
    overlay: str
    components: tuple[str, ...] = ()
    image: Path | None = None
    volumes: Mapping[str, Path] = field(default_factory=dict)
    """Of every node. A ConfigMap is what it is in the manifests; a Secret without one is empty."""

    @cached_property
    def objects(self) -> list[Object]:
        """What is applied to a cluster."""
        return manifests(f"overlays/{self.overlay}", *(f"components/{c}" for c in self.components))

    @property
    def pods(self) -> dict[str, Object]:
        """As the manifests say."""
        return pods(self.objects)

    @property
    def options(self) -> Object:
        """What the overlay's settings tell its cable driver."""
        return {name: told for name, told in options(self.overlay).items() if name != "broker"}

    def words(
        self,
        name: str,
        pod: Object,
        volumes: Mapping[str, Path],
        node: str,
        *,
        environ: Mapping[str, str] | None = None,
        others: Sequence[Object] = (),
        over: Sequence[Object] = (),
    ) -> tuple[str, ...]:
        """A command that runs a pod's container on the node whose namespaces it is started in.

        ``others`` and ``over`` are further mounts, below and above the pod's.
        """
        bundle = self.folder / f"{name}-{node}"
        (bundle / "mnt").mkdir(parents=True, exist_ok=True)
        given = {**self.volumes, **volumes}
        files = config_maps(self.objects)
        for volume in pod.get("volumes", ()):
            if "hostPath" in volume or volume["name"] in given:
                continue
            folder = given[volume["name"]] = bundle / "volumes" / volume["name"]
            folder.mkdir(parents=True, exist_ok=True)
            for file, text in files.get(volume.get("configMap", {}).get("name", ""), {}).items():
                (folder / file).write_text(text)
        path = PATH
        others = list(others)
        entry_point = ("submariner",)
        if self.image is None:
            entry_point = (program(),)
            path = f"{PATH}:{ipsec.UNPACKED}/strongswan/usr/sbin"
            others += [bind(one, str(one)) for one in _of_this_machine()]
        made = configuration(
            pod,
            entry_point=entry_point,
            volumes=given,
            environ={"PATH": path, "NODE_NAME": node, **(environ or {})},
            others=others,
            over=over,
        )
        (bundle / "config.json").write_text(json.dumps(made))
        image = "" if self.image is None else str(self.image)
        own = () if self.image is not None else ipsec.entry()
        hosts = [v["hostPath"] for v in pod.get("volumes", ()) if "hostPath" in v]
        first = (
            " ".join(host["path"] for host in hosts if host["type"] == kind)
            for kind in ("DirectoryOrCreate", "FileOrCreate")
        )
        return (*own, "sh", "-c", RUN, "sh", str(bundle), bundle.name, image, *first)

    def hold(self, lab: Lab) -> None:
        """Have a lab's daemons run in containers; before it is built."""
        for node in lab.nodes:
            node.gateway.command = self.on(lab, node, DAEMONS["gateway"])
            node.route_agent.command = self.on(lab, node, DAEMONS["route-agent"])

    def on(self, lab: Lab, node: Node, name: str) -> tuple[str, ...]:
        """The command that runs a DaemonSet's container on a node of a lab."""
        state = node.folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        over = []
        if name == "submariner-routeagent":  # its store knows it by an account of its own
            told = "node.yaml" if lab.spec.store == "local" else "route-agent.yaml"
            over = [bind(node.folder / told, "/etc/submariner/node.yaml")]
        return self.words(
            name,
            self.pods[name],
            {"settings": node.folder, "state": state},
            node.site.name,
            environ=lab.cluster_of(node).store.environment_of(node.site),
            others=[bind(lab.folder, str(lab.folder))],  # with tokens and authorities of stores
            over=over,
        )

    def beside(self, lab: Lab, name: str) -> list[Process]:
        """The processes that run another DaemonSet's containers, one on each gateway node."""
        return [
            Process(
                f"{name} of {node.site.name}",
                node.site.netns,
                self.on(lab, node, name),
                node.folder / f"{name}.log",
                host_name=node.site.name,
                run_dir=node.folder / "run",
            )
            for node in lab.nodes
            if node.site.candidate
        ]


def _of_this_machine() -> list[Path]:
    """What the programs of this machine need: its system, this Python, this work tree."""
    wanted = [Path("/usr"), Path("/etc"), Path(sys.prefix), Path(sys.base_prefix)]
    wanted += [Path(__file__).parents[2]]
    found: list[Path] = []
    for one in wanted:
        if not any(one.is_relative_to(other) for other in found):
            found.append(one)
    return found
