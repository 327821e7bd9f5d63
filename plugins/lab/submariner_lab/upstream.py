"""Upstream Submariner's own daemons on nodes of a lab: the programs that ``.ci/upstream`` builds.

They need stores that are API servers, and act as the administrator of their own; at the broker
they have the account of their cluster, as ours do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from submariner_lab.blueprint import ClusterSite, NodeSite
from submariner_lab.errors import LabError

CACHE = "/var/cache/submariner-upstream"
"""Where ``make upstream`` keeps what it builds; ``SUBMARINER_UPSTREAM`` names another folder."""
PROGRAMS = ("gateway", "route-agent")
SYSCTLS = {f"net.ipv4.conf.{name}.rp_filter": "2" for name in ("all", "default", "*")}
"""It needs loose reverse path filters of the node, as systemd sets them."""


def find(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the programs. Raises :class:`LabError` that says how to build them."""
    folder = Path(environ.get("SUBMARINER_UPSTREAM") or CACHE)
    if not all(os.access(folder / name, os.X_OK) for name in PROGRAMS):
        raise LabError(f"no upstream programs in {folder}: make upstream builds them once")
    return folder


def opened(cluster: ClusterSite) -> str:
    """What its documentation asks of who administers a node's packet filter, and of a CNI."""
    return f"""\
*filter
-A INPUT -p udp -m multiport --dports 4490,4500,4501,4800 -j ACCEPT
-A INPUT -p esp -j ACCEPT
-A FORWARD -d {cluster.cluster_cidr} -j ACCEPT
COMMIT
"""


def command(program: str, folder: Path) -> tuple[str, ...]:
    """Start ``gateway`` or ``route-agent`` with what :func:`write` has put into ``folder``."""
    script = f'. {folder}/{program}.env && exec {find()}/{program} -kubeconfig "$0" -v=2'
    return ("sh", "-c", script, str(folder / "kubeconfig"))


def write(
    folder: Path,
    cluster: ClusterSite,
    node: NodeSite,
    own: Mapping[str, object],
    broker: Mapping[str, object],
    *,
    driver: str,
    psk: Path | None,
    told: Mapping[str, str],
) -> None:
    """The files that its daemons on a node are started with.

    ``own`` and ``broker`` are options of the ``k8s`` plugins; ``told`` is what the downward API
    says. The broker's token is read when a daemon starts: it is made after this.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kubeconfig").write_text(_kubeconfig(own))
    both = {
        **told,
        "SUBMARINER_NAMESPACE": str(own["namespace"]),
        "SUBMARINER_CLUSTERID": cluster.cluster_id,
        "SUBMARINER_CLUSTERCIDR": str(cluster.cluster_cidr),
        "SUBMARINER_SERVICECIDR": str(cluster.service_cidr),
        "SUBMARINER_NETWORKPLUGIN": "generic",
    }
    gateway = {
        **both,
        "SUBMARINER_CABLEDRIVER": driver,
        "SUBMARINER_COLORCODES": "blue",
        "SUBMARINER_NATENABLED": "false",
        "SUBMARINER_PUBLICIP": f"ipv4:{node.public or node.address}",
        "AIR_GAPPED_DEPLOYMENT": "true",
        "BROKER_K8S_APISERVER": str(broker["url"]).removeprefix("https://"),
        "BROKER_K8S_REMOTENAMESPACE": str(broker["namespace"]),
        "BROKER_K8S_APISERVERTOKEN": f"$(cat {broker['token_file']})",
        "BROKER_K8S_CA": f"$(base64 -w0 {broker['ca_file']})",
        **({"CE_IPSEC_PSK": f"$(base64 -w0 {psk})"} if psk else {}),
    }
    for program, environment in (("gateway", gateway), ("route-agent", both)):
        lines = (f'export {name}="{value}"\n' for name, value in environment.items())
        (folder / f"{program}.env").write_text("".join(lines))


def _kubeconfig(options: Mapping[str, object]) -> str:
    return f"""\
apiVersion: v1
kind: Config
current-context: lab
contexts: [{{name: lab, context: {{cluster: lab, user: lab}}}}]
clusters:
  - name: lab
    cluster: {{server: "{options["url"]}", certificate-authority: "{options["ca_file"]}"}}
users:
  - name: lab
    user: {{tokenFile: "{options["token_file"]}"}}
"""
