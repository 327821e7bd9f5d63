"""Saying what is wrong: once, not at each try."""

from __future__ import annotations

import structlog


class Complaint:
    """One thing that may be wrong for long.

    A line is logged when it begins, when its reason is another one, and when it is over.
    ``event`` is what the line is called, ``over`` the one that ends it; ``facts`` stand on both.
    """

    def __init__(
        self, log: structlog.stdlib.BoundLogger, event: str, over: str, **facts: object
    ) -> None:
        self._log = log
        self._event = event
        self._over = over
        self._facts = facts
        self._reason = ""

    def about(self, reason: str, error: Exception | None = None, **facts: object) -> None:
        """It is wrong, for this reason. ``error`` is a bug, whose traceback is of use."""
        if reason == self._reason:
            return
        self._reason = reason
        if error is not None:
            self._log.error(self._event, reason=reason, exc_info=error, **self._facts, **facts)
        else:
            self._log.warning(self._event, reason=reason, **self._facts, **facts)

    def settled(self) -> None:
        """It is right, or right again."""
        if self._reason:
            self._reason = ""
            self._log.info(self._over, **self._facts)
