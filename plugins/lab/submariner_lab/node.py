"""A node of a lab: its settings file, its processes, its power switch."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path

from ruamel.yaml import YAML

from submariner_lab import http, ipsec, namespaces, topology, upstream
from submariner_lab.blueprint import Blueprint, NodeSite
from submariner_lab.packetfilter import POD_PORT, ruleset
from submariner_lab.pod import echo
from submariner_lab.process import Process
from submariner_lab.program import program
from submariner_lab.spec import LabSpec
from submariner_lab.store import Store

PSK_DRIVERS = frozenset({"libreswan", "wireguard"})
"""Cable drivers that ask for a secret of the whole cluster set."""
IPSEC_DRIVERS = frozenset({"libreswan"})
"""Cable drivers that run charon or pluto."""


class Node:
    """One node; ``gateway`` exists on every node, and is run on candidates.

    It is told of its cluster's ``store`` and of the ``broker``.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        site: NodeSite,
        spec: LabSpec,
        folder: Path,
        *,
        store: Store,
        broker: Store,
    ) -> None:
        self.site = site
        self.folder = folder / site.name
        self.config = self.folder / "node.yaml"
        self._agent_config = self.folder / "route-agent.yaml" if store.apart else self.config
        self.alive = False
        self._blueprint = blueprint
        self._spec = spec
        self._switch = blueprint.switch_of(site)
        self._store = store
        self._broker = broker
        theirs = not {site.name, site.cluster_id}.isdisjoint(spec.upstream)
        self._theirs = set(upstream.PROGRAMS) if theirs else set[str]()
        self.gateway = self._daemon("gateway")
        self.route_agent = self._daemon("route-agent")
        self.echo = Process(
            f"echo in the pod of {site.name}",
            site.pod_netns,
            (sys.executable, "-I", echo.__file__, str(POD_PORT), f"pod of {site.name}"),
            self.folder / "echo.log",
        )

    def __repr__(self) -> str:
        return f"Node({self.site.name})"

    @property
    def daemons(self) -> tuple[Process, ...]:
        """What runs here when all is well."""
        return (self.gateway, self.route_agent) if self.site.candidate else (self.route_agent,)

    def build(self) -> None:
        """Make the namespaces and fill them: links, addresses, sysctls, packet filter."""
        site, blueprint = self.site, self._blueprint
        namespaces.batch(topology.node_root(blueprint, site))
        namespaces.batch(topology.port_lines(site), self._switch)
        namespaces.batch(topology.node_lines(blueprint, site), site.netns)
        namespaces.batch(topology.pod_lines(site), site.pod_netns)
        namespaces.set_sysctls(site.netns, topology.NODE_SYSCTLS)
        namespaces.iptables(site.netns, ruleset(blueprint.cluster_of(site), site))
        if self._theirs:
            namespaces.set_sysctls(site.netns, upstream.SYSCTLS)
            namespaces.iptables(site.netns, upstream.opened(blueprint.cluster_of(site)))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_configs()
        self.alive = True
        self.echo.start()

    def replace(self, program: str) -> None:
        """Have our ``gateway`` or ``route-agent`` here in place of upstream's, which has ended."""
        self._theirs.discard(program)
        if program == "gateway":
            self.gateway = self._daemon(program)
        else:
            self.route_agent = self._daemon(program)

    def start(self) -> None:
        """Start the daemons that do not run."""
        for daemon in self.daemons:
            if not daemon.running:
                daemon.start()

    async def ready(self) -> bool:
        """Whether every daemon says so on its /readyz; upstream's, which have none, by running."""
        asked = {
            self.gateway: ("gateway", http.GATEWAY_PORT),
            self.route_agent: ("route-agent", http.ROUTE_AGENT_PORT),
        }
        try:
            for daemon in self.daemons:
                program, port = asked[daemon]
                if program in self._theirs:
                    if not daemon.running:
                        return False
                elif (await http.get(self.site.netns, port, "/readyz"))[0] != 200:
                    return False
        except OSError:
            return False
        return True

    def power_off(self) -> None:
        """The link goes away and every process of the node and its pod dies, all at once."""
        self.alive = False
        namespaces.batch((f"link set {self.site.name} down",), self._switch)
        namespaces.kill_all((self.site.netns, self.site.pod_netns))

    def power_on(self) -> None:
        """Boot: a fresh kernel state, the old disk, all daemons."""
        # A namespace's devices go some time after it: the port's name is needed at once.
        namespaces.batch((f"link delete {self.site.name}",), self._switch)
        namespaces.remove((self.site.netns, self.site.pod_netns))
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        self.build()
        if self._spec.daemons:
            self.start()

    def _daemon(self, command: str) -> Process:
        if command in self._theirs:
            return self._upstreams(command)
        entry = () if IPSEC_DRIVERS.isdisjoint(self._spec.drivers) else ipsec.entry()
        config = self._agent_config
        if command == "gateway":
            config = self.config
            told = self._store.environment_of(self.site)
            entry = (*entry, "env", *(f"{name}={value}" for name, value in told.items()))
        return Process(
            f"{command} of {self.site.name}",
            self.site.netns,
            (*entry, program(), command, "--config", str(config)),
            self.folder / f"{command}.log",
            host_name=self.site.name,
            run_dir=self.folder / "run",
        )

    def _upstreams(self, command: str) -> Process:
        return Process(
            f"upstream's {command} of {self.site.name}",
            self.site.netns,
            upstream.command(command, self.folder),
            self.folder / f"upstream-{command}.log",
            host_name=self.site.name,
            run_dir=self.folder / "run",
        )

    def _write_configs(self) -> None:
        self._write_config(self._agent_config, "route-agent")
        self._write_config(self.config, "gateway")
        if self._theirs:
            upstream.write(
                self.folder,
                self._blueprint.cluster_of(self.site),
                self.site,
                self._store.options(),
                self._broker.options_of(self.site.cluster_id),
                driver=self._spec.drivers[0],
                psk=None if PSK_DRIVERS.isdisjoint(self._spec.drivers) else self._psk_file(),
                told=self._store.environment_of(self.site),
            )

    def _write_config(self, path: Path, who: str) -> None:
        cluster = self._blueprint.cluster_of(self.site)
        document = {
            "cluster_id": cluster.cluster_id,
            "cluster_cidr": [str(cluster.cluster_cidr)],
            "service_cidr": [str(cluster.service_cidr)],
            "node_name": self.site.name,
            "state_dir": str(self.folder / "state"),
            "plugins": {
                "cable": list(self._spec.drivers),
                "election": self._store.election,
                "datastore": self._store.transport,
                "broker": self._broker.transport,
                "route": "kubeproxy",
            },
            "options": {
                "election": dict(self._store.options_of(who)),
                "datastore": dict(self._store.options_of(who)),
                "broker": dict(self._broker.options_of(cluster.cluster_id)),
                **self._plugin_options(),
            },
            **({"public_ip": f"ipv4:{self.site.public}"} if self.site.public else {}),
            **self._spec.settings,
        }
        yaml = YAML()
        with path.open("w") as file:
            yaml.dump(document, file)

    def _plugin_options(self) -> dict[str, dict[str, object]]:
        """The spec's options by name, with a PSK for the drivers that need one."""
        options = {name: dict(given) for name, given in self._spec.options.items()}
        for name, given in self._spec.by_cluster.get(self.site.cluster_id, {}).items():
            options.setdefault(name, {}).update(given)
        for name in PSK_DRIVERS.intersection(self._spec.drivers):
            options[name] = {"psk_file": str(self._psk_file()), **options.get(name, {})}
        return options

    def _psk_file(self) -> Path:
        """The secret that all nodes of this lab share, made by the first that asks."""
        path = self.folder.parent / "psk"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return path
