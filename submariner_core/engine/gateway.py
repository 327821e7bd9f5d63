"""The gateway process: builds its parts, runs them in one task group, and ends them in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from submariner_core import __version__
from submariner_core.api.errors import ConfigError
from submariner_core.api.model import Connection, ConnectionStatus, GatewayObject, Transition
from submariner_core.api.naming import cable_name
from submariner_core.api.transport import Event as RecordEvent
from submariner_core.api.transport import Kind, Transport
from submariner_core.config.settings import Settings
from submariner_core.daemon.clock import boot_clock
from submariner_core.daemon.node import private_ip
from submariner_core.daemon.publisher import Publisher
from submariner_core.daemon.watching import watch_store
from submariner_core.engine import local
from submariner_core.engine.campaign import Elector
from submariner_core.engine.control import Control
from submariner_core.engine.decider import Decider, Sinks
from submariner_core.engine.events import (
    Event,
    Led,
    ProbeChanged,
    StoreChanged,
    StoreLost,
    StoreName,
)
from submariner_core.engine.handover import HandOver
from submariner_core.engine.identity import HostLock, new_identity
from submariner_core.engine.lanes import Lanes
from submariner_core.engine.metrics import Figures, GatewayCollector
from submariner_core.engine.opening import Opening, keep_observing
from submariner_core.engine.router import Router
from submariner_core.engine.writer import Writer
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.observe.http import HealthServer, Readiness
from submariner_core.observe.prober import Prober
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.election_timings import Timings
from submariner_core.reconcile.gateways import own_slot
from submariner_core.reconcile.health import Health
from submariner_core.reconcile.plan import Plan
from submariner_core.reconcile.publish import connections, gateway_object, lasting
from submariner_core.reconcile.remotes import own_endpoint_object
from submariner_core.reconcile.state import Site, State
from submariner_core.reconcile.stores import StoreView
from submariner_core.reconcile.sync import Sync

BEAT = 1.0
GATEWAY_PERIOD = 5.0
"""Seconds between writes of the Gateway object: also the sign of life others go by."""
KEPT_TRANSITIONS = 20
LOCK_PATIENCE = 10.0
LEAVE_LIMIT = 45.0
"""Seconds that handing over and draining may take before the process exits regardless."""
DATASTORE_KINDS = (Kind.CLUSTER, Kind.ENDPOINT, Kind.GATEWAY, Kind.ROUTE_AGENT)
BROKER_KINDS = (Kind.CLUSTER, Kind.ENDPOINT)

log = structlog.get_logger("submariner.gateway")


class Gateway:
    """One gateway. ``run`` returns after SIGTERM or SIGINT; the data path stays as it is."""

    def __init__(self, settings: Settings, loaded: Loaded) -> None:
        self._settings = settings
        self._loaded = loaded
        self._drivers = loaded.cable_drivers()
        self._datastore = loaded.datastore()
        self._broker = loaded.broker()
        self._kernel = Kernel()
        self._transitions: tuple[Transition, ...] = ()
        self._causes: Counter[str] = Counter()
        self._told: dict[str, Connection] = {}
        self._since: dict[str, float] = {}
        self._conflicts: tuple[str, ...] = ()
        self._figures = Figures()
        self._opened = asyncio.Event()
        self._read_once = asyncio.Event()

    async def run(self) -> None:
        """Run until told to stop. Raises :class:`ConfigError` when it cannot start."""
        settings = self._settings
        settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = HostLock(Path(settings.state_dir) / "gateway.lock")
        async with asyncio.timeout(LOCK_PATIENCE):
            await lock.wait()
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(GatewayCollector(lambda: self._figures))
        self._loaded.hooks.register_metrics(registry)
        self._server = HealthServer(
            settings.metrics.address, settings.metrics.gateway_port, registry, self._readiness
        )
        if settings.metrics.gateway_port:
            self._server.start()
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told() -> None:
            (hurry if stop.is_set() else stop).set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        log.info("starting", version=__version__, cluster=settings.cluster_id)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = self._start(group, lock)
                await stop.wait()
                log.info("stopping")
                await self._leave(group, hurry)
                for task in tasks:
                    task.cancel()
        finally:
            self._server.stop()
            await self._close()
            lock.release()

    async def _leave(self, group: asyncio.TaskGroup, hurry: asyncio.Event) -> None:
        """Hand over and drain; a second signal or too long a wait ends it."""
        leaving = group.create_task(self._hand_over.leave())
        hurried = group.create_task(hurry.wait())
        try:
            await asyncio.wait(
                {leaving, hurried}, timeout=LEAVE_LIMIT, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (leaving, hurried):
                task.cancel()
            await asyncio.gather(leaving, hurried, return_exceptions=True)

    def _start(self, group: asyncio.TaskGroup, lock: HostLock) -> list[asyncio.Task[None]]:
        settings = self._settings
        self._prober = Prober(
            lambda cable: self._decider.post(ProbeChanged(cable)),
            misses=settings.health_check.misses,
        )
        timings = Timings(
            settings.lease.duration, settings.lease.renew_deadline, settings.lease.retry_period
        )
        self._elector = Elector(
            self._loaded.lease_store(),
            new_identity(settings.node_name),
            timings,
            self._led,
            reclaims=lock.held,
        )
        self._writers = {StoreName.DATASTORE: self._writer("datastore", self._datastore)}
        if self._broker is not None:
            self._writers[StoreName.BROKER] = self._writer("broker", self._broker)
        capabilities = {name: self._loaded.capabilities(name) for name, _ in self._drivers}
        site = Site(
            local.own_cluster(settings),
            settings.failover.warm,
            capabilities,
            evidence=settings.failover.evidence,
        )
        state = State(site, broker=StoreView() if self._broker is not None else None)
        post = self._post
        self._router = Router(self._kernel, post)
        lanes = Lanes(group, dict(self._drivers), post)
        self._opening = Opening(settings, self._kernel, self._drivers, post)
        self._publisher = Publisher(self._datastore, self._object, lasting, GATEWAY_PERIOD)
        check = settings.health_check
        self._decider = Decider(
            state,
            self._loaded.hooks,
            Sinks(
                steps=lanes.offer,
                wish=self._router.want,
                targets=self._prober.set_targets if check.enabled else lambda _: None,
                writes=self._write,
                candidacy=self._candidacy,
                moved=self._moved,
                decided=self._decided,
            ),
            self._prober.health,
            (check.interval, check.standby_interval),
            boot_clock,
        )
        self._hand_over = HandOver(self._decider, self._elector, self._publisher, boot_clock)
        works = [
            self._decider.run(),
            self._elector.run(),
            self._router.run(),
            self._publisher.run(),
            self._hand_over.run(),
            self._prober.run(),
            self._open(),
            self._beat(),
            self._watch_kernel(),
            Control(settings.state_dir, {"hand-over": self._hand_over.on_command}).run(),
            self._watch(StoreName.DATASTORE, self._datastore),
            *(writer.run() for writer in self._writers.values()),
            *(keep_observing(name, one, post, self._opened) for name, one in self._drivers),
        ]
        if self._broker is not None:
            works.append(self._watch(StoreName.BROKER, self._broker))
        return [group.create_task(work) for work in works]

    def _writer(self, name: str, transport: Transport) -> Writer:
        elector = self._elector
        return Writer(name, transport, self._settings.cluster_id, elector.may_write, elector.stale)

    # ---- sources

    def _post(self, event: Event) -> None:
        self._decider.post(event)

    async def _watch(self, store: StoreName, transport: Transport) -> None:
        def changed(event: RecordEvent) -> None:
            self._decider.post(StoreChanged(store, event))

        await watch_store(
            store.value,
            transport,
            DATASTORE_KINDS if store is StoreName.DATASTORE else BROKER_KINDS,
            changed=changed,
            lost=lambda reason: self._decider.post(StoreLost(store, reason)),
        )

    async def _open(self) -> None:
        """Open the drivers once the datastore has told which slots are taken."""
        await self._read_once.wait()
        state = self._decider.state
        current = own_endpoint_object(state)
        listed = (current.gateways or ()) if current is not None else ()
        private = await private_ip(self._settings, self._kernel)
        name = cable_name(self._settings.cluster_id, private)
        slot = own_slot(name, listed, state.datastore.gateways())
        if slot is None:
            raise ConfigError(
                f"cluster {self._settings.cluster_id!r} has as many gateways as there are slots; "
                "take the gateway label off a node"
            )
        self._opened.set()
        await self._opening.run(slot)

    async def _watch_kernel(self) -> None:
        async for _device in self._kernel.watch():
            self._router.doubt()
            self._opening.again()

    async def _beat(self) -> None:
        while True:
            self._server.beat()
            await asyncio.sleep(BEAT)

    def _led(self, leadership: Leadership) -> None:
        self._causes[leadership.cause] += 1
        self._remember(
            Transition(
                time=_now(),
                subject="leadership",
                before="active" if not leadership.active else "passive",
                after="active" if leadership.active else "passive",
                epoch=leadership.epoch,
                cause=leadership.cause,
            )
        )
        self._loaded.hooks.leadership_changed(
            leadership.active, leadership.epoch, leadership.cause
        )
        self._decider.post(Led(leadership))

    def _moved(self, cluster: str, before: str, after: str, epoch: int, cause: str) -> None:
        log.info("path-moved", cluster=cluster, before=before, after=after, cause=cause)
        moved = Transition(_now(), f"path to {cluster}", before, after, epoch, cause)
        self._remember(moved)
        self._loaded.hooks.path_moved(moved)

    def _remember(self, transition: Transition) -> None:
        self._transitions = (*self._transitions, transition)[-KEPT_TRANSITIONS:]

    # ---- sinks

    def _write(self, written: Sync, epoch: int) -> None:
        self._conflicts = written.conflicts
        self._writers[StoreName.DATASTORE].offer(written.datastore, epoch)
        if StoreName.BROKER in self._writers:
            self._writers[StoreName.BROKER].offer(written.broker, epoch)

    def _candidacy(self, ready: bool, order: tuple[str, ...], epoch: int) -> None:
        self._elector.set_order(order)
        self._elector.epoch_seen(epoch)
        self._elector.set_ready(ready)

    def _decided(self, state: State, plan: Plan, _written: Sync) -> float | None:
        if state.datastore.seen:
            self._read_once.set()
        for held in state.held.values():
            if held.path is not None:
                self._since.setdefault(held.name, time.time())
        now = connections(state, plan, self._healths(state))
        for connection in now:
            name = connection.endpoint.cable_name
            previous = self._told.get(name)
            if previous is None or previous.status != connection.status:
                self._loaded.hooks.connection_changed(connection, previous)
        self._told = {connection.endpoint.cable_name: connection for connection in now}
        self._since = {name: at for name, at in self._since.items() if name in self._told}
        self._figures = self._figure(state, now)
        self._publisher.look()
        up = (one for one in now if one.status is ConnectionStatus.CONNECTED)
        return self._hand_over.consider(frozenset(one.endpoint.cluster_id for one in up))

    def _figure(self, state: State, now: tuple[Connection, ...]) -> Figures:
        return Figures(
            local=state.own.endpoint if state.own is not None else None,
            connections=now,
            cables={name: one for seen in state.observed.values() for name, one in seen.items()},
            since=dict(self._since),
            active=state.leadership.active,
            epoch=state.leadership.epoch,
            syncs=self._publisher.writes,
            transitions=dict(self._causes),
            stale_writes=sum(writer.refused for writer in self._writers.values()),
            void_rounds=self._prober.void_rounds,
            kernel_writes=self._router.written,
            observer_failures=dict(self._loaded.hooks.failures),
        )

    def _healths(self, state: State) -> Mapping[str, Health]:
        return {
            name: health
            for _, name in state.held
            if (health := self._prober.health(name)) is not None
        }

    def _object(self) -> GatewayObject | None:
        decider = self._decider
        return gateway_object(
            decider.state,
            decider.plan,
            self._healths(decider.state),
            version=__version__,
            timestamp=int(time.time()),
            transitions=self._transitions,
            failure="; ".join(self._conflicts),
            draining=decider.draining,
        )

    def _readiness(self) -> Readiness:
        reasons = self._decider.plan.reasons
        return Readiness(not reasons, reasons)

    async def _close(self) -> None:
        for _, driver in self._drivers:
            await driver.close()
        for transport in (self._datastore, self._broker):
            if transport is not None:
                await transport.close()
        await self._kernel.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
