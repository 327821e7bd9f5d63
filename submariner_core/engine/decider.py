"""The one task that decides: folds events into the state, plans, and hands the plan out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import structlog

from submariner_core.api.model import ClusterObject, Endpoint, EndpointObject, GatewayEntry
from submariner_core.api.naming import IPAddress
from submariner_core.api.transport import Snapshot
from submariner_core.daemon.clock import Clock
from submariner_core.engine.events import (
    Connected,
    ConnectFailed,
    Cordoned,
    Detoured,
    Disconnected,
    Discovered,
    Event,
    Inherited,
    Led,
    Observed,
    Opened,
    Pinned,
    Reloaded,
    Routed,
    StoreChanged,
    StoreLost,
    StoreName,
    Wake,
)
from submariner_core.engine.router import Wish
from submariner_core.loading.facade import Hooks
from submariner_core.observe.prober import Target
from submariner_core.reconcile import state as states
from submariner_core.reconcile.cables import Step
from submariner_core.reconcile.detour import spare_slot, with_second
from submariner_core.reconcile.drivers import common_drivers
from submariner_core.reconcile.gateways import Retired, gateway_list, retire
from submariner_core.reconcile.health import Health
from submariner_core.reconcile.nat_discovery import Peer
from submariner_core.reconcile.paths import Verdict, verdict_of
from submariner_core.reconcile.pin import settle_pin
from submariner_core.reconcile.plan import Plan, plan
from submariner_core.reconcile.remotes import Remote, own_endpoint_object, remotes
from submariner_core.reconcile.routing import nexthop_ids
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import fold, lose
from submariner_core.reconcile.sync import Sync, live_gateways, sync

AGAIN = 1.0
"""Seconds after which a decision that failed is tried again though nothing happens."""

log = structlog.get_logger("submariner.engine")


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where the parts of a decision go. None of these calls blocks."""

    steps: Callable[[str, tuple[Step, ...]], None]
    wish: Callable[[Wish], None]
    targets: Callable[[Mapping[str, Target]], None]
    writes: Callable[[Sync, int], None]
    candidacy: Callable[[bool, tuple[str, ...], int], None]
    """Ready or not, the ready gateways in order, the highest epoch seen."""
    moved: Callable[[str, str, str, int, str], None]
    """Cluster, cable before, cable after, epoch, cause."""
    decided: Callable[[State, Plan, Sync], float | None]
    """Told last; may ask to decide again at a moment of the boot clock."""
    peers: Callable[[Mapping[str, Peer]], None] = lambda _: None
    """Whom NAT discovery looks for."""


class Decider:
    """Owns the gateway's state. Sources call :meth:`post`; nothing else changes it.

    ``reserved`` tells where the stores are now: no remote prefix may lead there.
    """

    def __init__(
        self,
        state: State,
        hooks: Hooks,
        sinks: Sinks,
        health: Callable[[str], Health | None],
        intervals: tuple[float, float],
        clock: Clock,
        reserved: Callable[[], Iterable[IPAddress]] = tuple,
    ) -> None:
        self.state = state
        self.plan = Plan()
        self._hooks = hooks
        self._sinks = sinks
        self._health = health
        self._intervals = intervals
        self._clock = clock
        self._reserved = reserved
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._retired: Mapping[int, Retired] = {}
        self._listed: tuple[GatewayEntry, ...] = ()
        self._successor: str | None = None
        self._second: GatewayEntry | None = None
        self.leaving = False
        self.failures = 0
        """Decisions that raised; each is logged."""

    def post(self, event: Event) -> None:
        """Hand in an event."""
        self._events.put_nowait(event)

    @property
    def draining(self) -> bool:
        """Whether this gateway should not lead: it leaves, or its node is cordoned."""
        return self.leaving or self.state.cordoned

    def drain(self) -> None:
        """This gateway is about to leave: it is no candidate any more."""
        self.leaving = True
        self.post(Wake())

    def favour(self, cable_name: str | None) -> None:
        """Whom the lead is being handed to comes second in the list, and so holds cables."""
        self._successor = cable_name
        self.post(Wake())

    def announce(self, second: GatewayEntry | None) -> None:
        """List this gateway's second cables as one more gateway, or no longer."""
        self._second = second
        self.post(Wake())

    def spare_slot(self, own: Endpoint) -> int | None:
        """The slot in which this gateway may have second cables; ``None`` if there is none."""
        return spare_slot(own, self._listed, self._retired)

    async def run(self) -> None:
        """Decide until cancelled."""
        wake_at: float | None = None
        while True:
            events = await self._next(wake_at)
            now = self._clock()
            for event in events:
                with self._surviving():
                    self.state = self._fold(event, now)
            wake_at = now + AGAIN
            with self._surviving():
                wake_at = self._decide(now)

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """A decision that fails is a bug of ours; what was decided before stays in force."""
        try:
            yield
        except Exception:
            self.failures += 1
            log.exception("deciding-failed")

    async def _next(self, wake_at: float | None) -> list[Event]:
        """The events that wait, at least one unless it is time to look again."""
        wait = None if wake_at is None else max(0.0, wake_at - self._clock())
        events: list[Event] = []
        try:
            async with asyncio.timeout(wait):
                events.append(await self._events.get())
        except TimeoutError:
            pass
        while not self._events.empty():
            events.append(self._events.get_nowait())
        return events

    def _fold(self, event: Event, now: float) -> State:  # noqa: PLR0911 - one case per event
        state = self.state
        match event:
            case StoreChanged():
                return self._store(event, now)
            case StoreLost(StoreName.DATASTORE, reason):
                return replace(state, datastore=lose(state.datastore, reason))
            case StoreLost(_, reason) if state.broker is not None:
                return replace(state, broker=lose(state.broker, reason))
            case Reloaded(warm, evidence):
                return replace(state, site=replace(state.site, warm=warm, evidence=evidence))
            case Led():
                # only a leader can store what it was told
                pin = state.pin if event.leadership.active else None
                return replace(state, leadership=event.leadership, pin=pin)
            case Pinned(node):
                return settle_pin(replace(state, pin=node))
            case Cordoned(cordoned):
                return replace(state, cordoned=cordoned)
            case Discovered(ways, problem):
                return replace(state, ways=ways, nat_problem=problem)
            case Opened():
                return states.opened(state, event.own, event.failures, event.underlay_mtu)
            case Inherited(nexthops):
                return replace(state, inherited={one.id: one for one in nexthops})
            case _:
                return self._fold_done(event, now)

    def _fold_done(self, event: Event, now: float) -> State:  # noqa: PLR0911 - as above
        """What the workers have done or seen."""
        state = self.state
        match event:
            case Observed():
                return states.observed(state, event.driver, event.states)
            case Connected():
                return states.connected(state, event.driver, event.cable, event.path)
            case ConnectFailed():
                held = state.held.get((event.driver, event.cable.name))
                if held is None or held.error != event.reason:  # once, not at each try
                    log.warning("connect-failed", cable=event.cable.name, reason=event.reason)
                return states.connect_failed(state, event.driver, event.cable, event.reason, now)
            case Disconnected():
                return states.disconnected(state, event.driver, event.name, event.reason, now)
            case Detoured(paths):
                return replace(state, detours=paths)
            case Routed(carriers, reason):
                kept = {**state.carriers, **carriers} if reason else carriers
                return replace(state, carriers=kept, routing_error=reason)
            case _:
                return state

    def _store(self, event: StoreChanged, now: float) -> State:
        state = self.state
        before = state.datastore if event.store is StoreName.DATASTORE else state.broker
        if before is None:
            return state
        after = fold(before, event.event, now)
        for ref, reason in after.malformed.items():
            if before.malformed.get(ref) != reason:
                log.warning("record-refused", store=event.store.value, reason=reason)
        if isinstance(event.event, Snapshot):
            count = len(event.event.records)
            log.info("snapshot", store=event.store.value, records=count)
        if event.store is StoreName.DATASTORE:
            return settle_pin(replace(state, datastore=after))
        return replace(state, broker=after)

    def _decide(self, now: float) -> float | None:
        site = replace(self.state.site, reserved=tuple(self._reserved()))
        self.state = replace(self.state, site=site)
        verdicts = {
            cable.name: verdict_of(health.status)
            for cable in self.state.held.values()
            if (health := self._health(cable.name)) is not None
        }
        answered = frozenset(name for name, one in verdicts.items() if one is Verdict.UP)
        found, holds_until = remotes(self.state, answered, now)
        self._tell_changes(found)
        self.state = self._judge(self.state, found)
        self.plan = decided = plan(self.state, found, verdicts, now)
        self._remember_paths(decided)
        written = self._leader_writes(answered, now)
        for lane, steps in decided.steps.items():
            self._sinks.steps(lane, steps)
        if decided.routing is not None:
            ids = nexthop_ids(decided.clusters)
            self._sinks.wish(Wish(decided.routing, decided.carriers, ids))
        self._sinks.targets(self._targets(decided))
        asked = {name: self.state.asked.get(name, now) for name in decided.peers}
        self.state = replace(self.state, asked=asked)
        self._sinks.peers(decided.peers)
        self._sinks.writes(written, self.state.leadership.epoch)
        self._sinks.candidacy(
            not decided.reasons and not self.draining, self._order(now), self._highest_epoch()
        )
        again = self._sinks.decided(self.state, decided, written)
        wakes = (holds_until, decided.wake_at, written.wake_at, again)
        return min((at for at in wakes if at is not None), default=None)

    def _judge(self, state: State, found: Mapping[str, Remote]) -> State:
        """Ask the plugins whether to connect to Endpoints that are new, and by which drivers."""
        vetoes = {name: why for name, why in state.vetoes.items() if name in found}
        kept = {name: names for name, names in state.kept_drivers.items() if name in found}
        for name, one in found.items():
            endpoint = one.endpoint.spec
            judged = name in state.chosen and state.chosen[name].spec == endpoint
            if state.own is None or (judged and name in kept):
                continue
            vetoes.pop(name, None)
            refusal = self._hooks.endpoint_accepted(endpoint)
            if refusal is not None:
                vetoes[name] = refusal
            both = common_drivers(state.own.endpoint, endpoint)
            kept[name] = self._hooks.choose_cable(endpoint, both)
        chosen = {name: one.endpoint for name, one in found.items()}
        return replace(state, vetoes=vetoes, kept_drivers=kept, chosen=chosen)

    def _remember_paths(self, decided: Plan) -> None:
        """Keep what the choice of paths goes by, and tell of those that moved."""
        paths = {name: one.choice.memory for name, one in decided.clusters.items()}
        for name, one in decided.clusters.items():
            before = self.state.paths.get(name)
            if one.choice.cause and before is not None and before.carries is not None:
                epoch = one.remote.endpoint.epoch or 0
                self._sinks.moved(
                    name, before.carries, one.choice.carries or "none", epoch, one.choice.cause
                )
        known = {name for name, memory in paths.items() if memory.carries is not None}
        taken = {number for name, number in nexthop_ids(paths).items() if name in known}
        inherited = {n: one for n, one in self.state.inherited.items() if n not in taken}
        self.state = replace(self.state, paths=paths, inherited=inherited)

    def _leader_writes(self, answered: frozenset[str], now: float) -> Sync:
        state = self.state
        if not state.leadership.active or state.own is None:
            # a later leader must know which slots were given up lately
            current = own_endpoint_object(state)
            listed = (current.gateways or ()) if current is not None else self._listed
            self._retired = retire(self._listed, listed, self._retired, now)
            self._listed = listed
            return Sync()
        previous = own_endpoint_object(state)
        listed, self._retired = gateway_list(
            GatewayEntry(state.own.endpoint, state.own.slot),
            (previous.gateways or ()) if previous is not None else (),
            live_gateways(state.datastore, now),
            self._retired,
            now,
            successor=self._successor,
        )
        self._listed = listed
        return sync(state, with_second(listed, self._second), answered, now)

    def _targets(self, decided: Plan) -> Mapping[str, Target]:
        carrying, standby = self._intervals
        return {
            name: Target(probe.address, probe.source, carrying if probe.carries else standby)
            for name, probe in decided.probes.items()
        }

    def _order(self, now: float) -> tuple[str, ...]:
        """The ready gateways as the list has them, then those it does not have yet."""
        state = self.state
        current = own_endpoint_object(state)
        entries = (current.gateways or ()) if current is not None else ()
        listed = list(dict.fromkeys(entry.endpoint.hostname for entry in entries))
        ready = {
            gateway.status.local_endpoint.hostname
            for gateway in live_gateways(state.datastore, now)
            if gateway.status.ready
        }
        first = [hostname for hostname in listed if hostname in ready]
        return (*first, *sorted(ready - set(first)))

    def _highest_epoch(self) -> int:
        return max(self._epochs(), default=0)

    def _epochs(self) -> Iterable[int]:
        state = self.state
        for view, label in ((state.datastore, None), (state.broker, state.cluster_id)):
            if view is None:
                continue
            stored: tuple[ClusterObject | EndpointObject, ...] = (
                *view.clusters(),
                *view.endpoints(),
            )
            for one in stored:
                if one.spec.cluster_id == state.cluster_id and one.meta.origin == label:
                    yield one.epoch or 0

    def _tell_changes(self, found: Mapping[str, Remote]) -> None:
        before = self.state.chosen
        for name, one in found.items():
            endpoint = one.endpoint.spec
            if name not in before:
                self._hooks.endpoint_added(endpoint)
            elif before[name].spec != endpoint:
                self._hooks.endpoint_updated(endpoint, before[name].spec)
        for name in before.keys() - found.keys():
            self._hooks.endpoint_removed(before[name].spec)
