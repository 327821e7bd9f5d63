"""SIGHUP: settings are read again, and what can change while a daemon runs is taken up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog

from submariner_core.api.errors import ConfigError
from submariner_core.config.settings import Failover, Settings

Reread = Callable[[], Settings]

log = structlog.get_logger("submariner.daemon")


def reload_on_hangup(
    running: Settings, reread: Reread | None, take: Callable[[Failover], None]
) -> None:
    """On SIGHUP give ``take`` the ``failover`` settings as they are now.

    Anything else that differs from ``running`` is named, and waits for a restart. Settings that
    are wrong change nothing. Without ``reread`` the signal is ignored.
    """

    def hangup() -> None:
        if reread is None:
            log.info("nothing-to-reload", reason="these settings came from no file")
            return
        try:
            now = reread()
        except ConfigError as error:
            log.warning("not-reloaded", reason=str(error))
            return
        waiting = [
            name
            for name in Settings.model_fields
            if name != "failover" and getattr(now, name) != getattr(running, name)
        ]
        log.info("reloaded", failover=now.failover.model_dump(), need_restart=waiting)
        take(now.failover)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup)
