"""The gateway's own pod: its labels, which Services and tools select on, say if it is active."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Self

import structlog

from submariner_core.api.errors import StoreError
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.resource import PODS

NODE_LABEL = "gateway.submariner.io/node"
STATUS_LABEL = "gateway.submariner.io/status"
RETRY = 2.0
"""Seconds between tries to write labels."""

log = structlog.get_logger("submariner.kubernetes")


class GatewayPod:
    """Labels one pod, as upstream does: ``active`` or ``passive``, and its node's name.

    A label that cannot be written is tried again for ever, and logged once per reason: nothing
    else waits for it.
    """

    def __init__(self, client: KubeClient, pod: str, node: str) -> None:
        self._client = client
        self._pod = pod
        self._node = node
        self._active = False
        self._news = asyncio.Event()
        self._news.set()

    @classmethod
    def of_this_process(
        cls, client: KubeClient, environ: Mapping[str, str] = os.environ
    ) -> Self | None:
        """This process's pod, if ``POD_NAME`` and ``NODE_NAME`` say that it runs in one."""
        pod, node = environ.get("POD_NAME"), environ.get("NODE_NAME")
        return cls(client, pod, node) if pod and node else None

    def tell(self, *, active: bool) -> None:
        """Whether this gateway holds the Lease, from now on."""
        if active is not self._active:
            self._active = active
            self._news.set()

    async def run(self) -> None:
        """Write labels as they change, at first ``passive``, until cancelled."""
        reason = ""
        while True:
            await self._news.wait()
            self._news.clear()
            labels = {
                NODE_LABEL: self._node,
                STATUS_LABEL: "active" if self._active else "passive",
            }
            try:
                await self._client.patch(PODS, self._pod, {"metadata": {"labels": labels}})
                reason = ""
            except StoreError as error:
                if str(error) != reason:
                    reason = str(error)
                    log.warning("pod-not-labelled", pod=self._pod, reason=reason)
                self._news.set()
                await asyncio.sleep(RETRY)
