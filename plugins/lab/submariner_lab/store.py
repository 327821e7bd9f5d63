"""A store of a lab: a program in a namespace of its own, reached over the underlay."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path

from submariner_lab import namespaces, topology
from submariner_lab.blueprint import Blueprint, Member, NodeSite
from submariner_lab.process import Process


class Store(abc.ABC):
    """The broker, or one cluster's datastore and lease store.

    ``transport`` and ``election`` are the names of the plugins that reach it. ``apart``: gateway
    and route agent have an account each, and so a settings file each.
    """

    transport: str
    election: str
    apart = False

    def __init__(self, blueprint: Blueprint, site: Member, folder: Path) -> None:
        self.site = site
        self.folder = folder / site.name
        self._blueprint = blueprint
        self.process = Process(
            f"store {site.name}",
            site.netns,
            self.command(),
            self.folder / "store.log",
            host_name=site.name,
            run_dir=self.folder / "run",
        )

    def build(self) -> None:
        """Make the namespace, and what the program reads at its start."""
        namespaces.batch(topology.member_root(self._blueprint, self.site))
        namespaces.batch(topology.port_lines(self.site), self._blueprint.wan_netns)
        namespaces.batch(topology.member_lines(self.site), self.site.netns)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()

    def wipe(self) -> None:
        """Stop it, lose every record and start it again empty."""
        self.process.kill()
        self.lose()
        self.process.start()

    @abc.abstractmethod
    def command(self) -> Sequence[str]:
        """What to start."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Make what the program reads at its start, such as tokens."""

    @abc.abstractmethod
    def lose(self) -> None:
        """Remove every record from the disk, while it does not run."""

    @abc.abstractmethod
    def options(self) -> Mapping[str, object]:
        """Options of both plugins, for whoever is on the underlay."""

    def options_of(self, who: str) -> Mapping[str, object]:  # noqa: ARG002 - all are alike
        """Options for the ``gateway`` or ``route-agent`` of the cluster, or for a cluster's id."""
        return self.options()

    def environment_of(self, node: NodeSite) -> Mapping[str, str]:  # noqa: ARG002 - likewise
        """What the gateway on a node finds in its environment."""
        return {}

    @abc.abstractmethod
    async def ready(self) -> bool:
        """Whether it serves."""

    def direct_options(self) -> Mapping[str, object]:
        """Options for whoever is in its own namespace: no part of the underlay is in between."""
        return self.options()
