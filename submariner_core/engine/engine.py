"""What a gateway runs on: its sources, the decider, and what carries decisions out."""

from __future__ import annotations

import asyncio
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
from submariner_core.daemon.complaint import Complaint
from submariner_core.daemon.publisher import Publisher
from submariner_core.daemon.watching import watch_kernel, watch_store
from submariner_core.engine import local
from submariner_core.engine.campaign import Elector
from submariner_core.engine.control import Control
from submariner_core.engine.cordon import watch_cordoned
from submariner_core.engine.decider import Decider, Sinks
from submariner_core.engine.detours import Detours
from submariner_core.engine.diary import Diary
from submariner_core.engine.events import (
    Cordoned,
    Event,
    Inherited,
    Led,
    ProbeChanged,
    StoreChanged,
    StoreLost,
    StoreName,
    Wake,
)
from submariner_core.engine.flows import Flows
from submariner_core.engine.handover import HandOver
from submariner_core.engine.identity import new_identity
from submariner_core.engine.lanes import Lanes
from submariner_core.engine.metrics import Figures
from submariner_core.engine.nat_discovery import NatDiscovery
from submariner_core.engine.opening import Opening, keep_observing
from submariner_core.engine.pin import Pin
from submariner_core.engine.renewal import Renewal
from submariner_core.engine.router import Router
from submariner_core.engine.standbys import Standbys
from submariner_core.engine.writer import Writer
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.observe.http import Readiness
from submariner_core.observe.prober import Prober
from submariner_core.observe.public_ip import PublicIp
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.election_timings import Timings
from submariner_core.reconcile.gateways import own_slot
from submariner_core.reconcile.health import Health
from submariner_core.reconcile.mixture import mixture
from submariner_core.reconcile.plan import Plan
from submariner_core.reconcile.publish import connections, gateway_object, lasting
from submariner_core.reconcile.remotes import own_endpoint_object
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import StoreView
from submariner_core.reconcile.sync import Sync

GATEWAY_PERIOD = 5.0
"""Seconds between writes of the Gateway object: also the sign of life others go by."""
DATASTORE_KINDS = (Kind.CLUSTER, Kind.ENDPOINT, Kind.GATEWAY, Kind.ROUTE_AGENT)
BROKER_KINDS = (Kind.CLUSTER, Kind.ENDPOINT)
SPARE = {Kind.ROUTE_AGENT: "a hand-over waits for no node"}
"""What a gateway does without where it may not read it, as under upstream's Role: the price."""

log = structlog.get_logger("submariner.gateway")


class Engine:
    """The parts of one gateway; ``figures`` and ``readiness`` are as of the last decision.

    ``reclaims``: this process holds its host's lock (see :class:`HostLock`).
    """

    def __init__(
        self, settings: Settings, loaded: Loaded, kernel: Kernel, *, reclaims: bool
    ) -> None:
        self._settings = settings
        self._loaded = loaded
        self._kernel = kernel
        self._drivers = loaded.cable_drivers()
        self._datastore = loaded.datastore()
        self._broker = loaded.broker()
        self._standbys = Standbys(loaded.slotted())
        self._conflicts: tuple[str, ...] = ()
        self._forbidden: dict[StoreName, tuple[str, ...]] = {}
        self._mixture = Complaint(log, "mixed-with-upstream", "no-longer-mixed")
        self._read_once = asyncio.Event()
        self.figures = Figures()
        self.readiness = Readiness(False, ("it is starting",))
        self._prober = Prober(
            lambda cable: self.post(ProbeChanged(cable)),
            misses=settings.health_check.misses,
            widened=lambda: self.post(Wake()),
        )
        self._diary = Diary(loaded.hooks, self._prober.seen, boot_clock)
        timings = Timings(
            settings.lease.duration, settings.lease.renew_deadline, settings.lease.retry_period
        )
        self.elector = Elector(
            self._loaded.lease_store(),
            new_identity(settings.node_name),
            timings,
            self._led,
            reclaims=reclaims,
        )
        self._writers = {StoreName.DATASTORE: self._writer("datastore", self._datastore)}
        if self._broker is not None:
            self._writers[StoreName.BROKER] = self._writer("broker", self._broker)
        capabilities = {name: self._loaded.capabilities(name) for name, _ in self._drivers}
        site = local.own_site(settings, capabilities)
        state = State(site, broker=StoreView() if self._broker is not None else None)
        post = self.post
        self.router = Router(self._kernel, post)
        self._lanes = Lanes(dict(self._drivers), post)
        self._public_ip = PublicIp(
            settings.own_public_ip,
            self._public_ip_changed,
            settings.state_dir / "public-ip",
            self._datastore.read_load_balancer,
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
        self._discovery = NatDiscovery(
            settings.nat_discovery.port,
            self._own_endpoint,
            post,
            boot_clock,
            settings.state_dir / "nat-discovery.json",
        )
        self.decider = Decider(
            state,
            self._loaded.hooks,
            Sinks(
                steps=self._lanes.offer,
                wish=self.router.want,
                targets=self._prober.set_targets if check.enabled else lambda _: None,
                writes=self._write,
                candidacy=self._candidacy,
                moved=self._diary.moved,
                decided=self._decided,
                peers=self._discovery.set_peers,
            ),
            self._prober.health,
            (check.interval, check.standby_interval),
            boot_clock,
            self._loaded.store_addresses,
        )
        self._flows = Flows(self.decider, self._publisher, boot_clock)
        self.hand_over = HandOver(
            self.decider, self.elector, self._flows, self._publisher, boot_clock
        )
        self._pin = Pin(self.decider, self.elector, self.hand_over, boot_clock)
        again = self._opening.again
        self._detours = Detours(self.decider, self.router, self._drivers, again, boot_clock)
        self.renewal = Renewal(self._drivers, self.elector, self.hand_over, self._detours, again)

    def start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Everything that runs until it is cancelled."""
        settings, post = self._settings, self.post
        self._lanes.start(group)
        works = [
            self.decider.run(),
            self.elector.run(),
            self.router.run(),
            self._publisher.run(),
            self.hand_over.run(),
            self._detours.run(),
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
        if settings.health_check.enabled:
            works.append(self._probe())
        if settings.nat_discovery.port:
            works.append(self._discovery.run())
        if self._broker is not None:
            works.append(self._watch(StoreName.BROKER, self._broker))
        return [group.create_task(work) for work in works]

    def post(self, event: Event) -> None:
        """Something has happened."""
        self.decider.post(event)

    def _writer(self, name: str, transport: Transport) -> Writer:
        elector = self.elector
        return Writer(name, transport, self._settings.cluster_id, elector.may_write, elector.stale)

    # ---- sources

    async def _watch(self, store: StoreName, transport: Transport) -> None:
        def changed(event: RecordEvent) -> None:
            self.post(StoreChanged(store, event))
            if store is StoreName.DATASTORE and isinstance(event, Snapshot):
                self._publisher.again()  # a store that lost this gateway makes others forget it

        await watch_store(
            store.value,
            transport,
            DATASTORE_KINDS if store is StoreName.DATASTORE else BROKER_KINDS,
            changed=changed,
            lost=lambda reason: self.post(StoreLost(store, reason)),
            spare=SPARE,
            without=lambda reasons: self._forbidden.update({store: tuple(reasons)}),
        )

    async def _open(self) -> None:
        """Open the drivers once the datastore has told which slots are taken."""
        await self._read_once.wait()
        self.post(Inherited(await self.router.nexthops()))
        await self._opening.run()

    def _own_endpoint(self) -> Endpoint | None:
        own = self.decider.state.own
        return own.endpoint if own is not None else None

    def _slot(self, cable: str) -> int | None:
        """The number of this gateway, by its cable's name."""
        state = self.decider.state
        current = own_endpoint_object(state)
        listed = (current.gateways or ()) if current is not None else ()
        return own_slot(cable, listed, state.datastore.gateways())

    def _public_ip_changed(self) -> None:
        self._opening.again()
        self._publisher.look()

    def _kernel_changed(self) -> None:
        self.router.doubt()
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
        commands = {
            "hand-over": self.hand_over.on_command,
            "pin": self._pin.on_command,
            "renew": self.renewal.on_command,
        }
        try:
            await Control(folder, commands).run()
        except OSError as error:
            log.warning("no-control-socket", folder=str(folder), reason=str(error))

    def _led(self, leadership: Leadership) -> None:
        self._diary.led(leadership)
        self.post(Led(leadership))

    # ---- sinks

    def _write(self, written: Sync, epoch: int) -> None:
        self._conflicts = written.conflicts
        self._writers[StoreName.DATASTORE].offer(written.datastore, epoch)
        if StoreName.BROKER in self._writers:
            self._writers[StoreName.BROKER].offer(written.broker, epoch)

    def _candidacy(self, ready: bool, order: tuple[str, ...], epoch: int) -> None:
        self.elector.set_order(order)
        self.elector.epoch_seen(epoch)
        self.elector.set_ready(ready)

    def _decided(self, state: State, plan: Plan, _written: Sync) -> float | None:
        if state.datastore.seen:
            self._read_once.set()
        now = connections(state, plan, self._healths(state))
        self._diary.connections(
            now, (held.name for held in state.held.values() if held.path is not None)
        )
        self.figures = self._figure(state, now)
        self.readiness = Readiness(not plan.reasons, plan.reasons)
        if state.own is not None:
            wanted = self._slot(state.own.endpoint.cable_name)
            if wanted not in (None, state.own.slot):
                self._opening.again()
        self._publisher.look()
        self._flows.look()
        self._pin.look()
        up = (one for one in now if one.status is ConnectionStatus.CONNECTED)
        wakes = (
            self.hand_over.consider(frozenset(one.endpoint.cluster_id for one in up)),
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
            moves=dict(self._diary.moves),
            stale_writes=sum(writer.refused for writer in self._writers.values()),
            void_rounds=self._prober.void_rounds,
            widening=self._prober.widening,
            detection=self._prober.detection,
            kernel_writes=self.router.written,
            observer_failures=dict(self._loaded.hooks.failures),
        )

    def _healths(self, state: State) -> Mapping[str, Health]:
        return {
            name: health
            for _, name in state.held
            if (health := self._prober.health(name)) is not None
        }

    def _object(self) -> GatewayObject | None:
        decider = self.decider
        return gateway_object(
            replace(decider.state, leadership=self.elector.leadership),
            decider.plan,
            self._healths(decider.state),
            version=__version__,
            timestamp=int(time.time()),
            transitions=self._diary.transitions,
            failure="; ".join(self._failures()),
            draining=decider.draining,
            notes=self._flows.notes,
        )

    def _mixed(self) -> tuple[str, ...]:
        """What of upstream is still in this cluster; said in the log when it is another."""
        record = self.elector.record
        found = mixture(self.decider.state.datastore, record.holder if record is not None else "")
        if found:
            self._mixture.about("; ".join(found))
        else:
            self._mixture.settled()
        return found

    def _failures(self) -> Iterator[str]:
        yield from self._conflicts
        for reasons in self._forbidden.values():
            yield from reasons
        yield from self._mixed()
        if self._public_ip.problem:
            yield self._public_ip.problem
        yield from map(str, self._standbys.missing)
        if self._prober.note:
            yield self._prober.note
