"""The gateway process: builds its parts, runs them in one task group, and ends them in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import structlog

from submariner_core import __version__
from submariner_core.api.errors import ConfigError
from submariner_core.api.model import Connection, ConnectionStatus, Endpoint, GatewayObject
from submariner_core.api.transport import Event as RecordEvent
from submariner_core.api.transport import Kind, Snapshot, Transport
from submariner_core.config.settings import Settings
from submariner_core.daemon.clock import boot_clock
from submariner_core.daemon.closing import close_all
from submariner_core.daemon.lock import GATEWAY, HostLock, lock_host
from submariner_core.daemon.publisher import Publisher
from submariner_core.daemon.reloading import Reread, reload_on_hangup
from submariner_core.daemon.serving import beat, serve
from submariner_core.daemon.watching import watch_kernel, watch_store
from submariner_core.engine import local
from submariner_core.engine.campaign import Elector
from submariner_core.engine.control import Control
from submariner_core.engine.cordon import watch_cordoned
from submariner_core.engine.decider import Decider, Sinks
from submariner_core.engine.diary import Diary
from submariner_core.engine.events import (
    Cordoned,
    Event,
    Led,
    ProbeChanged,
    Reloaded,
    StoreChanged,
    StoreLost,
    StoreName,
)
from submariner_core.engine.flows import Flows
from submariner_core.engine.handover import HandOver
from submariner_core.engine.identity import new_identity
from submariner_core.engine.lanes import Lanes
from submariner_core.engine.metrics import Figures, GatewayCollector
from submariner_core.engine.nat_discovery import NatDiscovery
from submariner_core.engine.opening import Opening, keep_observing
from submariner_core.engine.pin import Pin
from submariner_core.engine.router import Router
from submariner_core.engine.standbys import Standbys
from submariner_core.engine.writer import Writer
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.observe.http import HealthServer, Readiness
from submariner_core.observe.prober import Prober
from submariner_core.observe.public_ip import PublicIp
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.election_timings import Timings
from submariner_core.reconcile.gateways import own_slot
from submariner_core.reconcile.health import Health
from submariner_core.reconcile.plan import Plan
from submariner_core.reconcile.publish import connections, gateway_object, lasting
from submariner_core.reconcile.remotes import own_endpoint_object
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import StoreView
from submariner_core.reconcile.sync import Sync

GATEWAY_PERIOD = 5.0
"""Seconds between writes of the Gateway object: also the sign of life others go by."""
LEAVE_LIMIT = 45.0
"""Seconds that handing over and draining may take before the process exits regardless."""
DATASTORE_KINDS = (Kind.CLUSTER, Kind.ENDPOINT, Kind.GATEWAY, Kind.ROUTE_AGENT)
BROKER_KINDS = (Kind.CLUSTER, Kind.ENDPOINT)

log = structlog.get_logger("submariner.gateway")


class Gateway:
    """One gateway. ``run`` returns after SIGTERM or SIGINT; the data path stays as it is."""

    def __init__(self, settings: Settings, loaded: Loaded, reread: Reread | None = None) -> None:
        self._settings = settings
        self._reread = reread
        self._loaded = loaded
        self._drivers = loaded.cable_drivers()
        self._datastore = loaded.datastore()
        self._broker = loaded.broker()
        self._kernel = Kernel()
        self._diary = Diary(loaded.hooks)
        self._standbys = Standbys(loaded.slotted())
        self._conflicts: tuple[str, ...] = ()
        self._figures = Figures()
        self._reasons: tuple[str, ...] = ("it is starting",)
        self._read_once = asyncio.Event()

    async def run(self) -> None:
        """Run until told to stop. Raises :class:`ConfigError` when it cannot start."""
        lock = await lock_host(self._settings.state_dir, GATEWAY)
        try:
            metrics = self._settings.metrics
            server = serve(
                (metrics.address, metrics.gateway_port),
                GatewayCollector(lambda: self._figures),
                self._loaded.hooks,
                self._readiness,
            )
            try:
                await self._run(lock, server)
            finally:
                server.stop()
        finally:
            await self._close()
            lock.release()

    async def _run(self, lock: HostLock, server: HealthServer) -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told() -> None:
            (hurry if stop.is_set() else stop).set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        log.info("starting", version=__version__, cluster=self._settings.cluster_id)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(beat(server)), *self._start(group, lock)]
            reload_on_hangup(
                self._settings,
                self._reread,
                lambda now: self._decider.post(Reloaded(now.warm, now.evidence)),
            )
            await stop.wait()
            log.info("stopping")
            await self._leave(group, hurry)
            for task in tasks:
                task.cancel()

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
        site = local.own_site(settings, capabilities)
        state = State(site, broker=StoreView() if self._broker is not None else None)
        post = self._post
        self._router = Router(self._kernel, post)
        lanes = Lanes(group, dict(self._drivers), post)
        self._public_ip = PublicIp(
            settings.public_ip, self._public_ip_changed, settings.state_dir / "public-ip"
        )
        self._opening = Opening(
            settings,
            self._kernel,
            self._drivers,
            post,
            self._slot,
            lambda: self._public_ip.address,
        )
        self._publisher = Publisher(self._datastore, self._object, lasting, GATEWAY_PERIOD)
        check = settings.health_check
        discovery = NatDiscovery(
            settings.nat_discovery.port,
            self._own_endpoint,
            post,
            boot_clock,
            settings.state_dir / "nat-discovery.json",
        )
        self._decider = Decider(
            state,
            self._loaded.hooks,
            Sinks(
                steps=lanes.offer,
                wish=self._router.want,
                targets=self._prober.set_targets if check.enabled else lambda _: None,
                writes=self._write,
                candidacy=self._candidacy,
                moved=self._diary.moved,
                decided=self._decided,
                peers=discovery.set_peers,
            ),
            self._prober.health,
            (check.interval, check.standby_interval),
            boot_clock,
            self._loaded.store_addresses,
        )
        self._flows = Flows(self._decider, self._publisher, boot_clock)
        self._hand_over = HandOver(
            self._decider, self._elector, self._flows, self._publisher, boot_clock
        )
        self._pin = Pin(self._decider, self._elector, self._hand_over, boot_clock)
        works = [
            self._decider.run(),
            self._elector.run(),
            self._router.run(),
            self._publisher.run(),
            self._hand_over.run(),
            self._flows.run(),
            self._open(),
            self._public_ip.run(),
            watch_kernel(self._kernel, self._kernel_changed),
            self._control(),
            self._watch(StoreName.DATASTORE, self._datastore),
            watch_cordoned(self._datastore, settings.node_name, lambda so: post(Cordoned(so))),
            *(writer.run() for writer in self._writers.values()),
            *(keep_observing(name, one, post, self._opening.done) for name, one in self._drivers),
        ]
        if check.enabled:
            works.append(self._probe())
        if settings.nat_discovery.port:
            works.append(discovery.run())
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
            if store is StoreName.DATASTORE and isinstance(event, Snapshot):
                self._publisher.again()  # a store that lost this gateway makes others forget it

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
        await self._opening.run()

    def _own_endpoint(self) -> Endpoint | None:
        own = self._decider.state.own
        return own.endpoint if own is not None else None

    def _slot(self, cable: str) -> int | None:
        """The number of this gateway, by its cable's name."""
        state = self._decider.state
        current = own_endpoint_object(state)
        listed = (current.gateways or ()) if current is not None else ()
        return own_slot(cable, listed, state.datastore.gateways())

    def _public_ip_changed(self) -> None:
        self._opening.again()
        self._publisher.look()

    def _kernel_changed(self) -> None:
        self._router.doubt()
        self._opening.again()

    async def _probe(self) -> None:
        try:
            await self._prober.run()
        except PermissionError as error:
            raise ConfigError(
                f"health_check: no probes can be sent: {error.strerror}; the process needs "
                "CAP_NET_RAW, or set health_check: {enabled: false}"
            ) from error

    async def _control(self) -> None:
        """Commands are a convenience: without their socket the gateway does its work."""
        folder = self._settings.state_dir
        commands = {"hand-over": self._hand_over.on_command, "pin": self._pin.on_command}
        try:
            await Control(folder, commands).run()
        except OSError as error:
            log.warning("no-control-socket", folder=str(folder), reason=str(error))

    def _led(self, leadership: Leadership) -> None:
        self._diary.led(leadership)
        self._decider.post(Led(leadership))

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
        now = connections(state, plan, self._healths(state))
        self._diary.connections(
            now, (held.name for held in state.held.values() if held.path is not None)
        )
        self._figures = self._figure(state, now)
        self._reasons = plan.reasons
        if state.own is not None:
            wanted = self._slot(state.own.endpoint.cable_name)
            if wanted not in (None, state.own.slot):
                self._opening.again()
        self._publisher.look()
        self._flows.look()
        self._pin.look()
        up = (one for one in now if one.status is ConnectionStatus.CONNECTED)
        wakes = (
            self._hand_over.consider(frozenset(one.endpoint.cluster_id for one in up)),
            self._standbys.look(state, now, boot_clock()),
        )
        return min((at for at in wakes if at is not None), default=None)

    def _figure(self, state: State, now: tuple[Connection, ...]) -> Figures:
        return Figures(
            local=state.own.endpoint if state.own is not None else None,
            connections=now,
            cables={name: one for seen in state.observed.values() for name, one in seen.items()},
            since=self._diary.since,
            active=state.leadership.active,
            epoch=state.leadership.epoch,
            syncs=self._publisher.writes,
            transitions=dict(self._diary.causes),
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
            replace(decider.state, leadership=self._elector.leadership),
            decider.plan,
            self._healths(decider.state),
            version=__version__,
            timestamp=int(time.time()),
            transitions=self._diary.transitions,
            failure="; ".join(self._failures()),
            draining=decider.draining,
            notes=self._flows.notes,
        )

    def _failures(self) -> Iterator[str]:
        yield from self._conflicts
        if self._public_ip.problem:
            yield self._public_ip.problem
        yield from map(str, self._standbys.missing)

    def _readiness(self) -> Readiness:
        return Readiness(not self._reasons, self._reasons)

    async def _close(self) -> None:
        stores = (self._loaded.lease_store(), self._datastore, self._broker)
        closes = [driver.close for _, driver in self._drivers]
        closes += [store.close for store in stores if store is not None]
        await close_all((*closes, self._kernel.close))
