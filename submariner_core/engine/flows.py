"""Hands the flows that a gateway translates to its successor, before the lead moves.

A connection to a ClusterIP lives in the connection tracking of the gateway that translates it.
The one that leaves writes its flows on its own Gateway object; the successor makes them its
kernel's and says so on its own. Neither waits long: without an answer the lead moves regardless,
and such connections are reset, as after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import structlog

from submariner_core.api.codec_flows import (
    Offer,
    has_receipt,
    read_offer,
    write_offer,
    write_receipt,
)
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import GatewayObject
from submariner_core.api.naming import FLOWS_ANNOTATION, FLOWS_TAKEN_ANNOTATION
from submariner_core.daemon.clock import Clock
from submariner_core.daemon.publisher import Publisher
from submariner_core.engine.decider import Decider
from submariner_core.kernel import KernelError, conntrack
from submariner_core.reconcile.flows import from_remotes, service_networks, unknown
from submariner_core.reconcile.sync import live_gateways

PATIENCE = 5.0
"""Seconds for which a successor may take over flows before the lead moves without it."""
AGAIN = 1.0
"""Seconds until an offer is written again: the store may not have taken it."""

log = structlog.get_logger("submariner.gateway")


class Flows:
    """Both ends of it: :meth:`offer` on the gateway that leaves, :meth:`run` on its successor."""

    def __init__(
        self, decider: Decider, publisher: Publisher[GatewayObject], clock: Clock
    ) -> None:
        self._decider = decider
        self._publisher = publisher
        self._clock = clock
        self._offered: Offer | None = None
        self._taken = asyncio.Event()
        self._seen: dict[str, str] = {}
        self._to_take: asyncio.Queue[Offer] = asyncio.Queue()
        self._notes: dict[str, str] = {}

    @property
    def notes(self) -> Mapping[str, str]:
        """What this gateway's own object is to say: an offer or a receipt, or nothing."""
        return self._notes

    # ---- the one that leaves

    async def offer(self, to: str) -> None:
        """Have the gateway with the cable ``to`` know the flows of this one; never raises."""
        state = self._decider.state
        try:
            tracked = await conntrack.answered(service_networks(state))
        except KernelError as error:
            log.warning("flows-not-read", reason=str(error))
            return
        flows = from_remotes(state, self._decider.plan, tracked)
        if not flows:
            return
        offer = Offer(to, int(self._clock() * 1000), flows)
        text, count = write_offer(offer)
        self._taken.clear()
        self._offered, self._notes = offer, {FLOWS_ANNOTATION: text}
        try:
            async with asyncio.timeout(PATIENCE):
                await self._until_taken()
            log.info("flows-handed-over", flows=count, too_many=len(flows) - count)
        except TimeoutError:
            log.warning("flows-not-taken", flows=count, by=to)
        finally:
            self._offered, self._notes = None, {}

    async def _until_taken(self) -> None:
        while not self._taken.is_set():
            await self._publisher.publish()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._taken.wait()

    # ---- its successor

    async def run(self) -> None:
        """Take what is offered until cancelled."""
        while True:
            offer = await self._to_take.get()
            await self._take(offer)
            self._notes = {FLOWS_TAKEN_ANNOTATION: write_receipt(offer)}
            await self._publisher.publish()

    def look(self) -> None:
        """The Gateways may have changed: look for offers to this one, or a receipt."""
        state = self._decider.state
        if state.own is None:
            return
        mine = state.own.endpoint.cable_name
        for gateway in live_gateways(state.datastore, self._clock()):
            cable = gateway.status.local_endpoint.cable_name
            if cable == mine:
                continue
            offered = self._offered
            notes = gateway.meta.annotations
            if offered is not None and cable == offered.to and has_receipt(offered, notes):
                self._taken.set()
            text = notes.get(FLOWS_ANNOTATION, "")
            if text != self._seen.get(cable, ""):
                self._seen[cable] = text
                self._consider(gateway, mine)

    def _consider(self, gateway: GatewayObject, mine: str) -> None:
        try:
            offer = read_offer(gateway.meta.name, gateway.meta.annotations)
        except RecordMalformed as error:
            log.warning("flows-refused", reason=str(error))
            return
        if offer is None:
            self._notes.pop(FLOWS_TAKEN_ANNOTATION, None)
        elif offer.to == mine:
            self._to_take.put_nowait(offer)

    async def _take(self, offer: Offer) -> None:
        state, plan = self._decider.state, self._decider.plan
        flows = from_remotes(state, plan, offer.flows)
        try:
            held = await conntrack.answered(service_networks(state))
            refused = await conntrack.restore(unknown(flows, held))
        except KernelError as error:
            log.warning("flows-not-restored", reason=str(error))
            return
        log.info("flows-taken", flows=len(flows), refused=len(refused))
