"""The command ``renew``: drivers take up what waits for a start, at no packet's price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from submariner_core.api.cable import CableDriver
from submariner_core.engine.campaign import Elector
from submariner_core.engine.control import ControlError
from submariner_core.engine.detours import Detours
from submariner_core.engine.handover import HandOver

log = structlog.get_logger("submariner.gateway")


class Renewal:
    """``opened_again`` has the drivers opened once more."""

    def __init__(
        self,
        drivers: Sequence[tuple[str, CableDriver]],
        elector: Elector,
        hand_over: HandOver,
        detours: Detours,
        opened_again: Callable[[], None],
    ) -> None:
        self._drivers = drivers
        self._elector = elector
        self._hand_over = hand_over
        self._detours = detours
        self._opened_again = opened_again

    async def on_command(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """``now``: also while this gateway carries, at the price of a gap."""
        alone = self._elector.leadership.active and self._detours.alone
        if not request.get("now") and not alone:
            await self._stand_aside()
        for name, driver in self._drivers:
            if alone and not request.get("now"):
                await self._detours.renew(name, driver)
            else:
                await driver.renew()
            log.info("renewed", driver=name)
        self._opened_again()
        return {"renewed": [name for name, _ in self._drivers]}

    async def _stand_aside(self) -> None:
        """Raises :class:`ControlError` where packets would be lost; nothing has changed then."""
        if self._elector.leadership.active:
            await self._hand_over.on_command({})
        quiet = await self._hand_over.quiet()
        if self._elector.leadership.active:
            raise ControlError("the lead came back to this gateway: try again")
        if not quiet:
            raise ControlError("packets still come through this gateway: try again")
