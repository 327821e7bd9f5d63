"""A laboratory: built on entry, removed on every way out."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from submariner_lab import blueprint as drawing
from submariner_lab import namespaces, state, topology
from submariner_lab.blueprint import ClusterSite, Member
from submariner_lab.cluster import Cluster
from submariner_lab.errors import LabError, LabTimeout
from submariner_lab.etcd_store import EtcdStore
from submariner_lab.faults import Faults
from submariner_lab.flow import FIRST_PORT, Flow
from submariner_lab.kube.store import KubeStore
from submariner_lab.local_store import LocalStore
from submariner_lab.node import Node
from submariner_lab.packetfilter import POD_PORT, SERVICE_PORT
from submariner_lab.process import Process
from submariner_lab.reach import Protocol, Seen, ask
from submariner_lab.router import Router
from submariner_lab.spec import LabSpec
from submariner_lab.store import Store
from submariner_lab.tcp import Stream
from submariner_lab.view import View

POLL = 0.05
KINDS: Mapping[str, type[Store]] = {"local": LocalStore, "k8s": KubeStore, "etcd": EtcdStore}
STORES_START = 300.0
"""Seconds; an API server takes 3 on an idle machine, and a minute under User-Mode Linux."""


class Lab:
    """``async with`` it. Several labs may run at once, in one process too."""

    def __init__(self, spec: LabSpec | None = None, root: Path = state.ROOT) -> None:
        self.spec = spec or LabSpec()
        self.id = secrets.token_hex(2)
        self.kept = False
        self._root = root
        self.folder = root / self.id
        self.blueprint = drawing.draw(self.id, self.spec)
        self.view = View(self.folder / "watcher.out")
        self.broker = self._store(self.blueprint.broker)
        self.clusters = tuple(self._cluster(site) for site in self.blueprint.clusters)
        self.faults = Faults(self.blueprint, self.folder)
        self.routers = tuple(
            Router(self.blueprint, site, self.spec.unforwarded)
            for site in self.blueprint.clusters
            if site.router is not None
        )
        self._watcher = Process(
            "watcher",
            self.blueprint.wan_netns,
            (
                sys.executable, "-m", "submariner_lab.watcher",
                str(self.folder / "watcher.json"), str(self.folder / "watcher.out"),
            ),
            self.folder / "watcher.log",
        )  # fmt: skip
        self._flows = 0
        self._tracebacks: dict[str, int] = {}

    # ---- life

    async def __aenter__(self) -> Self:
        if os.geteuid() != 0:
            raise LabError("a lab makes network namespaces: run it as root")
        state.write(state.of_this_process(self.id), self._root)
        try:
            self._build()
            for store in self.stores:
                store.process.start()
            await self.until(self._served, STORES_START, "every store serves")
            if self.spec.daemons:
                for node in self.nodes:
                    node.start()
            self._watcher.start()
        except BaseException:
            self.remove()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.kept:
            self.remove()

    def keep(self) -> None:
        """Leave the lab up when the context ends; ``submariner demo --down`` removes it."""
        state.write(replace(state.of_this_process(self.id), kept=True), self._root)
        self.kept = True

    def remove(self) -> None:
        """Remove everything, undisturbed by a second Ctrl-C; twice is fine."""
        previous = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        )
        try:
            state.remove(self.id, self._root)
            for process in self._processes():
                process.reap()
            self.faults.reap()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)

    def _store(self, site: Member) -> Store:
        return KINDS[self.spec.store](self.blueprint, site, self.folder)

    def _cluster(self, site: ClusterSite) -> Cluster:
        store = self._store(site.store)
        nodes = (
            Node(self.blueprint, node, self.spec, self.folder, store=store, broker=self.broker)
            for node in site.nodes
        )
        return Cluster(site, tuple(nodes), store, self.view)

    async def _served(self) -> bool:
        return all([await store.ready() for store in self.stores])

    def _build(self) -> None:
        namespaces.batch(topology.wan_root(self.blueprint))
        namespaces.batch(topology.wan_lines(), self.blueprint.wan_netns)
        for store in self.stores:
            store.build()
        for router in self.routers:
            router.build()
        for node in self.nodes:
            node.build()
        watched = {s.site.name: (s.transport, dict(s.options())) for s in self.stores}
        (self.folder / "watcher.json").write_text(json.dumps(watched))

    # ---- what is in it

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node of every cluster."""
        return tuple(node for cluster in self.clusters for node in cluster.nodes)

    @property
    def stores(self) -> tuple[Store, ...]:
        """The broker and every cluster's store."""
        return (self.broker, *(cluster.store for cluster in self.clusters))

    def cluster_of(self, node: Node) -> Cluster:
        """The cluster that a node belongs to."""
        return next(cluster for cluster in self.clusters if node in cluster.nodes)

    # ---- what it does

    def others(self, cluster: Cluster) -> tuple[Cluster, ...]:
        """The clusters that a cluster is connected to."""
        return tuple(other for other in self.clusters if other is not cluster)

    def connected(self) -> bool:
        """Whether every cluster has an active gateway, connected to every other cluster."""
        return all(cluster.connected(self.others(cluster)) for cluster in self.clusters)

    async def settled(self) -> bool:
        """Whether every cable is up and every daemon of every node is ready."""
        return all(cluster.settled(self.others(cluster)) for cluster in self.clusters) and all(
            [await node.ready() for node in self.nodes]
        )

    def following(self) -> bool:
        """Whether every node sends through its cluster's leader.

        In a lab that has just started some do not for 10 s: the leader was not up yet when they
        were.
        """
        return all(
            (leader := cluster.active) is not None
            and {agent.status.carries for agent in self.view.route_agents(cluster.store.site.name)}
            == {leader.site.name}
            for cluster in self.clusters
        )

    def start_anew(self, names: Collection[str] | None = None) -> None:
        """Kill every daemon, or those of these names, and start it again.

        What they programmed stays, and is adopted.
        """
        for node in self.nodes:
            for daemon in node.daemons:
                if names is None or daemon.name in names:
                    daemon.kill()
            if node.alive:
                node.start()

    async def restore(self, timeout: float = 60.0) -> None:
        """Undo every fault: heal, power on, start what ended; then wait until all is settled."""
        self.faults.heal()
        for store in self.stores:
            if not store.process.running:
                store.process.start()
        for node in self.nodes:
            if not node.alive:
                node.power_on()
            node.start()
            for daemon in node.daemons:
                daemon.thaw()
        await self.until(self.settled, timeout, "every gateway is ready and connected")

    def crashes(self) -> list[str]:
        """Processes whose logs hold a traceback that was not there at the last call."""
        found = []
        for process in self._processes():
            count = process.tail(100_000).count("Traceback (most recent call last)")
            if count > self._tracebacks.get(process.name, 0):
                found.append(process.name)
            self._tracebacks[process.name] = count
        return found

    async def until(
        self, condition: Callable[[], object], timeout: float = 30.0, what: str = ""
    ) -> None:
        """Until the condition, or what it awaits, is true.

        Raises :class:`LabTimeout`, with the ends of the logs of processes that have ended.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return
            if asyncio.get_running_loop().time() > deadline:
                name = what or getattr(condition, "__name__", "the condition")
                raise LabTimeout(f"{name}: not so after {timeout:g} s\n{self.ended()}")
            await asyncio.sleep(POLL)

    def _processes(self) -> list[Process]:
        """All but those of the flows, which end with them."""
        found = [self._watcher, *(store.process for store in self.stores)]
        for node in self.nodes:
            found += [node.echo, node.gateway, node.route_agent]
        return found

    def ended(self) -> str:
        """Processes that should run and do not, with the ends of their logs."""
        expected = [self._watcher, *(store.process for store in self.stores)]
        for node in self.nodes:
            if node.alive:
                expected += [node.echo, *(node.daemons if self.spec.daemons else ())]
        return "\n".join(
            f"{process.name}: ended with {process.exit_status}\n{process.tail()}"
            for process in expected
            if not process.running
        )

    def flow(self, a: Node, b: Node, interval: float = 0.001) -> Flow:
        """A UDP flow between the pods of two nodes, one datagram each ``interval`` each way."""
        self._flows += 1
        return Flow(a.site, b.site, self.folder, FIRST_PORT + self._flows, interval)

    def stream(self, source: Node, target: Node | Cluster) -> Stream:
        """A TCP stream from a node's pod to another's, or to a cluster's ClusterIP."""
        self._flows += 1
        stem = self.folder / f"stream-{self._flows}"
        if isinstance(target, Cluster):
            return Stream(source.site, target.site.cluster_ip, SERVICE_PORT, stem)
        return Stream(source.site, target.site.pod_address, POD_PORT, stem)

    async def ask(
        self, source: Node, target: Node, *, host: bool = False, protocol: Protocol = Protocol.TCP
    ) -> Seen:
        """Ask the target's pod whom it sees, from the source's pod or its ``host`` network."""
        netns = source.site.netns if host else source.site.pod_netns
        return await ask(netns, target.site.pod_address, POD_PORT, protocol)
