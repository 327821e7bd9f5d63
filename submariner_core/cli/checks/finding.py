"""What a check finds, and what it looks at."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.reconcile.routing import ARRIVED_TABLE, OVERLAY_DEVICE, is_own_rule


class Verdict(enum.StrEnum):
    """``error``: traffic will not pass. ``warning``: it may not, or not all of it, or not yet."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """A row: what was looked at, how it is, and what to do if it is not right."""

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check, Verdict.OK, detail)


def warning(check: str, detail: str, remedy: str) -> Finding:
    """Something may stand in the way."""
    return Finding(check, Verdict.WARNING, detail, remedy)


def error(check: str, detail: str, remedy: str) -> Finding:
    """Something stands in the way."""
    return Finding(check, Verdict.ERROR, detail, remedy)


@dataclass(frozen=True, slots=True)
class Subject:
    """This node, and its settings with their plugins if there are any."""

    kernel: Kernel
    loaded: Loaded | None = None

    async def overlay_stands(self) -> bool:
        """Whether a route agent has set this node up."""
        return await self.kernel.links.get(OVERLAY_DEVICE) is not None

    async def cable_devices(self) -> tuple[str, ...]:
        """The devices that a gateway process on this node routes cables through."""
        rules = [rule for rule in await self.kernel.rules.list() if is_own_rule(rule)]
        found = {rule.incoming for rule in rules if rule.table == ARRIVED_TABLE and rule.incoming}
        return tuple(sorted(found))

    async def cables_stand(self) -> bool:
        """Whether a gateway process has set this node up, and its data path is there."""
        return any(is_own_rule(rule) for rule in await self.kernel.rules.list())

    async def own_devices(self) -> tuple[str, ...]:
        """The devices that this project made here."""
        overlay = (OVERLAY_DEVICE,) if await self.overlay_stands() else ()
        return (*overlay, *await self.cable_devices())


Check = Callable[[Subject], Awaitable[Sequence[Finding]]]
