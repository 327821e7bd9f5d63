"""The cable driver: a tunnel in an IKE daemon for each cable, an XFRM interface for each slot."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import structlog

from submariner_core.api.cable import (
    IP_PROTOCOL,
    NO_STANDBY,
    STANDBY,
    Cable,
    CableDriver,
    CableState,
    LocalGateway,
    Path,
)
from submariner_core.api.errors import CableError, SubmarinerError
from submariner_core.api.model import ConnectionStatus, Endpoint
from submariner_core.kernel import Kernel
from submariner_core.kernel.core_files import forbid_core_files
from submariner_libreswan.calls import Calls
from submariner_libreswan.certificates import checked
from submariner_libreswan.choosing import choose, every
from submariner_libreswan.daemon import (
    Daemon,
    DaemonGone,
    Figures,
    Terms,
    TunnelState,
    missing,
)
from submariner_libreswan.options import LibreswanOptions
from submariner_libreswan.plane import Plane, detect
from submariner_libreswan.rotation import Rotation
from submariner_libreswan.status import Counters, cable_state
from submariner_libreswan.tunnel import (
    PREFERRED_SERVER,
    PROPOSALS,
    Tunnel,
    check_distinct,
    tunnel_of,
)
from submariner_libreswan.ways import Ways

NAME = "libreswan"
ESP_PROTOCOL = "50"
"""ESP's number among IP protocols: without NAT between them, gateways send it as it is."""
_INTERVAL = 5.0
_SOON = 0.5
"""Seconds between observations while a tunnel is being made."""
_CALM = 0.02
"""Seconds from one observation to the next at least; more where one takes long."""
_RETRY = 1.0
"""Seconds between attempts to start a daemon again."""

log = structlog.get_logger("submariner.libreswan")


class LibreswanDriver(CableDriver):
    """IPsec cables to peers of this project and of upstream, by either daemon.

    The daemon holds tunnels and their SAs, and outlives this process: a restarted one loads what
    it is told to connect, and finds it loaded.
    """

    def __init__(
        self, options: LibreswanOptions, state_dir: FilePath, daemon: Daemon | None = None
    ) -> None:
        self._options = options
        self._state_dir = state_dir
        self._kernel = Kernel()
        self._ways = Ways(self._kernel)
        self._rotation = Rotation(state_dir / "psk", options.files)
        self._given = daemon
        self._daemon: Daemon | None = daemon
        self._plane: Plane | None = None
        self._own: Endpoint | None = None
        self._terms: Terms | None = None
        self._cables: dict[str, Cable] = {}
        self._tunnels: dict[str, Tunnel] = {}
        self._faults: dict[str, str] = {}
        self._held: Mapping[str, TunnelState] | None = None
        self._calls = Calls()
        self._counters = Counters()
        self._gone_since: float | None = None
        self._why_gone = ""
        self._lock = asyncio.Lock()
        self.figures = Figures()
        """What metrics show: a value, swapped whole."""

    async def open(self, local: LocalGateway) -> Mapping[str, str]:
        """Start the daemon or adopt it, with all tunnels that this process knows.

        The port is the configured one. Without one it is 4530, save where libreswan is the first
        cable, and so the endpoint's backend: what that endpoint advertises, or 4500. Raises
        :class:`CableError` for what is amiss with daemon, credentials, kernel or port.
        """
        forbid_core_files()
        async with self._lock:
            plane = await self._data_plane()
            daemon = self._choose(plane)
            port = self._options.port_of(local.endpoint, NAME)
            await self._ways.measure(local.endpoint)
            offer = {
                "udp-port": str(port),
                PREFERRED_SERVER: str(self._options.is_server(local.endpoint)).lower(),
                PROPOSALS: " ".join((*self._options.ike_proposals, *self._options.esp_proposals)),
                **({} if plane is Plane.INTERFACES else {STANDBY: NO_STANDBY}),
                **({} if plane is Plane.USERSPACE else {IP_PROTOCOL: ESP_PROTOCOL}),
            }
            config = {**local.endpoint.backend_config, **offer}
            own = dataclasses.replace(local.endpoint, backend_config=config)
            await self._take_up(daemon, self._wanted_terms(port, plane, own), own)
            self._figure(daemon=daemon.name, plane=plane)
        return offer

    async def connect(self, cable: Cable) -> Path:
        """Have the daemon know the tunnel, and call the peer where it is this end's turn.

        Raises :class:`CableError` for a peer that cannot be told from another, and for prefixes of
        another cluster.
        """
        async with self._lock:
            own, terms = self._opened(cable.name)
            tunnel = self._tunnel(own, terms, cable)
            check_distinct(tunnel, iter(self._tunnels.values()))
            path = await self._ways.to(tunnel, own, terms.plane)
            before = self._tunnels.get(cable.name)
            await self._load(cable, tunnel)
            if self._held is None or before not in {None, tunnel}:
                await self._observe()
            await self._call(tunnel)
        return path

    async def disconnect(self, cable_name: str) -> None:
        """End the tunnel, then remove the interface that nobody needs any more."""
        async with self._lock:
            await self._spoken().unload(cable_name)
            self._cables.pop(cable_name, None)
            self._faults.pop(cable_name, None)
            tunnel = self._tunnels.pop(cable_name, None)
            self._calls.forget(cable_name)
            if self._held is not None:
                self._held = {k: v for k, v in self._held.items() if k != cable_name}
            if tunnel is not None:
                await self._ways.release(tunnel.interface, self._tunnels.values())

    async def observe(self) -> Sequence[CableState]:
        """What the daemon holds under names of ours, what an earlier process left included."""
        async with self._lock:
            return self._states(await self._observe())

    async def watch(self) -> AsyncIterator[Sequence[CableState]]:
        """Observations as SAs change; every 5 s else. Keeps daemon and tunnels up meanwhile."""
        while True:
            began = _now()
            try:
                async with self._lock:
                    self._opened("any")
                    await self._follow_rotation()
                    for name in tuple(self._faults):
                        await self._make(name)
                    held = await self._observe()
                    for tunnel in self._tunnels.values():
                        await self._call(tunnel)
                    states = self._states(held)
            except DaemonGone as error:
                if gone := await self._revive(error):
                    yield self._gone(gone)
                    await asyncio.sleep(_RETRY)
                continue
            took = _now() - began
            yield states
            making = any(state.status is not ConnectionStatus.CONNECTED for state in states)
            await asyncio.sleep(max(_CALM, 2 * took))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SOON if making else _INTERVAL):
                    await self._spoken().changed()

    async def describe(self) -> str:
        """Which daemon is in use, or is to be, and where packets are encrypted."""
        plane = await self._data_plane()
        daemon = self._choose(plane)
        cost = "" if plane is Plane.INTERFACES else "; one cable for each cluster, no standby"
        return f"{daemon.program} ({daemon.name}), data plane: {plane}{cost}"

    async def close(self) -> None:
        """Hang up; the daemon goes on, and so do packets."""
        if self._daemon is not None:
            await self._daemon.close()
        await self._kernel.close()

    async def cleanup(self) -> None:
        """End our tunnels, the daemon if it is ours, our interfaces, and what is on disk."""
        async with self._lock:
            all_of_them = every(self._options, self._state_dir)
            for daemon in all_of_them if self._given is None else [self._given]:
                await daemon.stop()
            await self._ways.remove_all()
            self._rotation.erase()
            self._cables, self._tunnels, self._faults = {}, {}, {}
            self._terms, self._own, self._held = None, None, None
            with contextlib.suppress(OSError):
                self._state_dir.rmdir()  # what somebody else put there stays

    # ---- the daemon

    def _choose(self, plane: Plane) -> Daemon:
        if self._daemon is None:
            self._daemon = choose(self._options, self._state_dir, plane)
            log.info("daemon-chosen", daemon=self._daemon.name, data_plane=plane)
        return self._daemon

    async def _data_plane(self) -> Plane:
        """Looked for once: that makes a device for a moment, which others would notice."""
        if self._plane is None:
            self._plane = self._options.plane() or await detect(self._kernel)
        return self._plane

    def _wanted_terms(self, port: int, plane: Plane, own: Endpoint) -> Terms:
        options = self._options
        files = options.configured_certificate()
        certificate = None if files is None else checked(files, own.private_ip)
        return Terms(
            port=port,
            plane=plane,
            credentials=self._rotation.credentials(options.configured_psk(), certificate),
            ike=options.ike_proposals,
            esp=options.esp_proposals,
            dpd=options.dpd_delay,
            debug=options.debug,
        )

    async def _take_up(self, daemon: Daemon, terms: Terms, own: Endpoint) -> bool:
        """Have the daemon run on these terms with every tunnel that we know; true if it is new."""
        fresh = await daemon.start(terms)
        await self._ways.settle(own, terms.plane)
        anew = fresh or (terms, own) != (self._terms, self._own)
        self._terms, self._own = terms, own
        if fresh:
            self._held = None
            for name in self._tunnels:
                self._calls.expect(name, _now())
        if anew:
            for name in tuple(self._cables):
                await self._make(name)
        return fresh

    async def _make(self, name: str) -> None:
        """Load a tunnel anew; what is amiss with one is shown on its cable alone."""
        own, terms = self._opened(name)
        cable = self._cables[name]
        try:
            tunnel = self._tunnel(own, terms, cable)
            await self._ways.to(tunnel, own, terms.plane)
            await self._load(cable, tunnel)
        except DaemonGone:
            raise
        except (SubmarinerError, OSError) as error:
            if self._faults.get(name) != str(error):
                log.warning("tunnel-not-loaded", cable=name, reason=str(error))
            self._faults[name] = str(error)

    async def _load(self, cable: Cable, tunnel: Tunnel) -> None:
        await self._spoken().load(tunnel)
        before = self._tunnels.get(tunnel.name)
        self._cables[tunnel.name], self._tunnels[tunnel.name] = cable, tunnel
        self._faults.pop(tunnel.name, None)
        if before != tunnel:
            self._calls.expect(tunnel.name, _now())
            if before is not None and before.interface != tunnel.interface:
                await self._ways.release(before.interface, self._tunnels.values())

    async def _follow_rotation(self) -> None:
        """Take up a PSK that was accepted, used or dropped meanwhile."""
        if self._terms is None or self._own is None or not self._rotation.changed():
            return
        try:
            terms = self._wanted_terms(self._terms.port, self._terms.plane, self._own)
        except CableError as error:
            log.warning("psk-not-changed", reason=str(error))
            return
        if terms.credentials != self._terms.credentials:
            await self._take_up(self._spoken(), terms, self._own)
            log.info("psk-changed", psks=[psk.fingerprint for psk in terms.credentials.psks])

    async def _revive(self, error: DaemonGone) -> str:
        """Start the daemon again, with all its tunnels; why that failed, or nothing."""
        program = self._spoken().program
        if self._gone_since is None:
            self._gone_since = _now()
            log.warning("daemon-died", daemon=program, reason=str(error))
        try:
            async with self._lock:
                own, terms = self._opened("any")
                fresh = await self._take_up(self._spoken(), terms, own)
        except (SubmarinerError, OSError) as failure:
            if self._why_gone != str(failure):
                log.error("daemon-not-restarted", reason=str(failure))  # noqa: TRY400
            self._why_gone = str(failure)
            return self._why_gone
        gap = _now() - self._gone_since
        self._gone_since, self._why_gone = None, ""
        if fresh:
            self._figure(restarts=self.figures.restarts + 1, gap=max(self.figures.gap, gap))
        log.warning(
            "daemon-restarted" if fresh else "daemon-back",
            daemon=program,
            gap_ms=round(gap * 1000, 1),
        )
        return ""

    async def _call(self, tunnel: Tunnel) -> None:
        """Call for what is missing, where it is our turn."""
        state = self._held.get(tunnel.name) if self._held is not None else None
        lacking = missing(tunnel, state)
        calling = state is not None and state.calling
        if not self._calls.due(tunnel, _now(), missing=bool(lacking), calling=calling):
            return
        try:
            await self._spoken().call(
                tunnel, [pair for pair in tunnel.pairs if (pair.left, pair.right) in lacking]
            )
        except DaemonGone:
            raise
        except CableError as error:
            log.warning("call-failed", cable=tunnel.name, reason=str(error))

    async def _observe(self) -> Mapping[str, TunnelState]:
        self._held = {state.name: state for state in await self._spoken().observe()}
        return self._held

    def _states(self, held: Mapping[str, TunnelState]) -> Sequence[CableState]:
        program, now = self._spoken().program, _now()
        states = []
        for name in {**held, **self._cables}:
            state = held.get(name, TunnelState(name))
            octets = self._counters.total(name, state.children)
            if name in self._faults:
                said = f"{program}: {self._faults[name]}"
                states.append(CableState(name, ConnectionStatus.ERROR, said, name, *octets))
            elif (tunnel := self._tunnels.get(name)) is None:
                said = f"{program}: left by an earlier process"
                states.append(CableState(name, ConnectionStatus.NONE, said, name))
            else:
                waited = self._calls.waited(name, now)
                states.append(cable_state(tunnel, state, octets, waited, program))
        self._counters.keep({**held, **self._cables})
        self._figure(
            children={
                name: sum(child.stands for child in state.children) for name, state in held.items()
            }
        )
        return tuple(states)

    def _gone(self, reason: str) -> Sequence[CableState]:
        """What there is to say while the daemon does not run, or does not answer."""
        said = f"{self._spoken().program} does not run: {reason}"
        return tuple(CableState(name, ConnectionStatus.ERROR, said, name) for name in self._cables)

    def _figure(self, **changed: Any) -> None:
        self.figures = dataclasses.replace(self.figures, **changed)

    # ---- what was opened

    def _tunnel(self, own: Endpoint, terms: Terms, cable: Cable) -> Tunnel:
        return tunnel_of(
            own,
            cable,
            port=terms.port,
            force_encaps=self._options.force_encaps,
            interfaces=terms.plane is Plane.INTERFACES,
            certificates=terms.credentials.certificate is not None,
        )

    def _opened(self, name: str) -> tuple[Endpoint, Terms]:
        if self._own is None or self._terms is None:
            raise CableError(f"cable {name!r}: libreswan is not open yet")
        return self._own, self._terms

    def _spoken(self) -> Daemon:
        if self._daemon is None:
            raise CableError("libreswan is not open yet: call open first")
        return self._daemon


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
