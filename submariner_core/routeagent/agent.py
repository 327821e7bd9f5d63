"""The route agent process: builds its parts, runs them in one task group, ends them in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Coroutine, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import structlog

from submariner_core import __version__
from submariner_core.api.errors import ConfigError
from submariner_core.api.model import RouteAgentObject, Transition
from submariner_core.api.route import NodePlan, RouteDriver
from submariner_core.api.transport import Event as RecordEvent
from submariner_core.api.transport import Snapshot
from submariner_core.config.settings import Settings
from submariner_core.daemon.clock import boot_clock
from submariner_core.daemon.closing import close_all
from submariner_core.daemon.lock import ROUTE_AGENT, lock_host
from submariner_core.daemon.publisher import Publisher
from submariner_core.daemon.reloading import Reread, reload_on_hangup
from submariner_core.daemon.serving import beat, serve
from submariner_core.daemon.watching import watch_kernel, watch_store
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.observe.http import HealthServer, Readiness
from submariner_core.observe.prober import Prober, Target
from submariner_core.reconcile.evidence import Seen, evidence
from submariner_core.reconcile.health import Health
from submariner_core.reconcile.node import NodeDecision, overlay_probes
from submariner_core.reconcile.node_status import lasting, route_agent_object
from submariner_core.routeagent.applier import Applier
from submariner_core.routeagent.decider import Decider, gateway_target
from submariner_core.routeagent.events import (
    SPARE,
    Applied,
    Found,
    ProbeChanged,
    Reloaded,
    StoreChanged,
    StoreLost,
    Watch,
)
from submariner_core.routeagent.local import find_site
from submariner_core.routeagent.metrics import Figures, RouteAgentCollector

KEPT_TRANSITIONS = 20
PERIOD = 60.0
"""Seconds between writes of the RouteAgent object when nothing changes."""
PROBE_INTERVALS = 10
"""Standby intervals between two probes of a remote endpoint: every node probes every one."""

log = structlog.get_logger("submariner.routeagent")


class RouteAgent:
    """One node's route agent. ``run`` returns after SIGTERM or SIGINT; the data path stays."""

    def __init__(self, settings: Settings, loaded: Loaded, reread: Reread | None = None) -> None:
        self._reread = reread
        driver = loaded.route_driver()
        if driver is None:
            raise ConfigError("plugins.route: a route agent needs one, such as kubeproxy")
        self._driver: RouteDriver = driver
        self._settings = settings
        self._loaded = loaded
        self._hooks = loaded.hooks
        self._datastore = loaded.datastore()
        self._kernel = Kernel()
        self._prober: Prober | None = None
        self._agents_watch: asyncio.Task[None] | None = None
        self._told: NodePlan | None = None
        self._transitions: tuple[Transition, ...] = ()
        self._moves = 0
        self._cause = ""
        self._forbidden: tuple[str, ...] = ()

    async def run(self) -> None:
        """Run until told to stop. Raises :class:`ConfigError` when it cannot start."""
        lock = await lock_host(self._settings.state_dir, ROUTE_AGENT)
        try:
            await self._run()
        finally:
            await close_all((self._driver.close, self._datastore.close, self._kernel.close))
            lock.release()

    async def _run(self) -> None:
        settings = self._settings
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        site = await find_site(settings, self._kernel)
        self._decider = Decider(
            site, self._health, boot_clock, self._decided, self._loaded.store_addresses
        )
        reload_on_hangup(
            settings, self._reread, lambda now: self._decider.post(Reloaded(now.evidence))
        )
        self._applier = Applier(self._driver, site, boot_clock, self._applied)
        self._publisher = Publisher(self._datastore, self._object, lasting, PERIOD)
        if settings.health_check.enabled:
            self._prober = Prober(
                lambda cable: self._decider.post(ProbeChanged(cable)),
                misses=settings.health_check.misses,
                widened=self._publisher.look,
                clock=boot_clock,
            )
        metrics = settings.metrics
        server = serve(
            (metrics.address, metrics.route_agent_port),
            RouteAgentCollector(self._figures),
            self._hooks,
            self._readiness,
        )
        log.info("starting", version=__version__, node=site.node.hostname)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                tasks = [group.create_task(work) for work in self._works(server)]
                await stop.wait()
                log.info("stopping")
                await self._publisher.publish()
                tasks += [self._agents_watch] if self._agents_watch is not None else []
                for task in tasks:
                    task.cancel()
        finally:
            server.stop()

    def _works(self, server: HealthServer) -> list[Coroutine[Any, Any, None]]:
        works: list[Coroutine[Any, Any, None]] = [
            self._decider.run(),
            self._applier.run(),
            self._publisher.run(),
            self._watch(Watch.SITE),
            watch_kernel(self._kernel, self._applier.disturbed),
            beat(server),
        ]
        return works if self._prober is None else [*works, self._probe(self._prober)]

    # ---- sources

    async def _watch(self, watch: Watch) -> None:
        def changed(event: RecordEvent) -> None:
            self._decider.post(StoreChanged(watch, event))
            if watch is Watch.SITE and isinstance(event, Snapshot):
                self._publisher.again()

        await watch_store(
            "datastore",
            self._datastore,
            watch.value,
            changed=changed,
            lost=lambda reason: self._decider.post(StoreLost(watch, reason)),
            spare=SPARE,
            without=self._go_without,
        )

    def _go_without(self, reasons: Collection[str]) -> None:
        self._forbidden = tuple(reasons)
        self._publisher.look()

    async def _probe(self, prober: Prober) -> None:
        try:
            await prober.run()
        except OSError as error:
            log.warning("no-probes", reason=f"{error}; the process needs CAP_NET_RAW")
            self._prober = None

    # ---- what decisions lead to

    def _decided(self, decision: NodeDecision) -> None:
        if decision.plan is not None:
            self._applier.want(decision.plan)
            self._watch_agents(decision.plan.on_gateway)
        self._cause = decision.cause or self._cause
        if self._prober is not None:
            self._prober.set_targets(self._targets(decision))
        self._publisher.look()

    def _targets(self, decision: NodeDecision) -> Mapping[str, Target]:
        """The remote endpoints, now and then; the own cluster's gateways, to move by."""
        check = self._settings.health_check
        interval = check.standby_interval * PROBE_INTERVALS
        targets = {
            one.spec.cable_name: Target(one.spec.health_check_ip, None, interval)
            for one in decision.remotes
            if isinstance(one.spec.health_check_ip, IPv4Address)
        }
        for hostname, (address, carries) in overlay_probes(decision).items():
            often = check.interval if carries else check.standby_interval
            targets[gateway_target(hostname)] = Target(address, None, often)
        return targets

    def _watch_agents(self, wanted: bool) -> None:
        if wanted and self._agents_watch is None:
            self._agents_watch = self._group.create_task(self._watch(Watch.AGENTS))
        elif not wanted and self._agents_watch is not None:
            self._agents_watch.cancel()
            self._agents_watch = None

    def _applied(self, event: Found | Applied) -> None:
        self._decider.post(event)
        if isinstance(event, Found) or event.plan is None or event.failure:
            return
        before, self._told = self._told, event.plan
        if before is not None and before.carries != event.plan.carries:
            self._moved(before, event.plan)

    def _moved(self, before: NodePlan, after: NodePlan) -> None:
        own = self._decider.decision.chosen.get(self._settings.cluster_id)
        left, taken = (plan.carries.hostname if plan.carries else "" for plan in (before, after))
        transition = Transition(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            subject=f"node {after.node.hostname}",
            before=left,
            after=taken,
            epoch=(own.epoch or 0) if own is not None else 0,
            cause=self._cause or "the cluster's endpoint changed",
            evidence=evidence(self._seen(left), self._seen(taken), boot_clock()),
        )
        log.info(
            "path-moved",
            before=left,
            after=taken,
            cause=transition.cause,
            evidence=transition.evidence,
        )
        self._moves += 1
        self._transitions = (*self._transitions, transition)[-KEPT_TRANSITIONS:]
        self._hooks.path_moved(transition)

    # ---- what others read

    def _seen(self, hostname: str) -> Seen | None:
        """What the probes of a gateway of the own cluster have shown lately."""
        return self._prober.seen(gateway_target(hostname)) if self._prober is not None else None

    def _health(self, cable: str) -> Health | None:
        return self._prober.health(cable) if self._prober is not None else None

    def _healths(self) -> Mapping[str, Health] | None:
        if self._prober is None:
            return None
        names = [one.spec.cable_name for one in self._decider.decision.remotes]
        healths = {name: self._health(name) for name in names}
        return {name: health for name, health in healths.items() if health is not None}

    def _object(self) -> RouteAgentObject | None:
        if not self._decider.view.store.seen:
            return None
        return route_agent_object(
            self._decider.view.site,
            self._decider.decision,
            self._healths(),
            version=__version__,
            failure="; ".join(self._failures()),
            transitions=self._transitions,
        )

    def _failures(self) -> Iterator[str]:
        if self._decider.decision.plan is not None and self._decider.applied.failure:
            yield self._decider.applied.failure
        yield from self._forbidden
        if self._prober is not None and self._prober.note:
            yield self._prober.note

    def _figures(self) -> Figures:
        plan, applied = self._told, self._decider.applied
        made = self._object()
        return Figures(
            carries=plan.carries.hostname if plan is not None and plan.carries else "",
            prefixes=len(plan.remote_prefixes) if plan is not None else 0,
            remotes=made.status.remote_endpoints if made is not None else (),
            applied=applied.plan is not None and not applied.failure,
            moves=self._moves,
            repairs=self._applier.repairs,
            void_rounds=self._prober.void_rounds if self._prober is not None else 0,
            widening=self._prober.widening if self._prober is not None else 1.0,
            detection=self._prober.detection if self._prober is not None else None,
        )

    def _readiness(self) -> Readiness:
        view, applied = self._decider.view, self._decider.applied
        if not view.store.seen:
            reason = view.store.reason or "no answer yet"
            return Readiness(False, (f"the datastore has not been read: {reason}",))
        if self._decider.decision.plan is None:
            return Readiness(True)
        return Readiness(not applied.failure, (applied.failure,) if applied.failure else ())
