"""charon as the driver's IKE daemon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from submariner_core.api.errors import CableError
from submariner_libreswan.credentials import Certificate
from submariner_libreswan.daemon import Daemon, DaemonGone, Terms, TunnelState, missing
from submariner_libreswan.plane import Plane
from submariner_libreswan.strongswan import messages, orphans
from submariner_libreswan.strongswan.reasons import Blame, Line, Reasons
from submariner_libreswan.strongswan.session import Events, Session
from submariner_libreswan.strongswan.starting import START_TIMEOUT, OwnCharon
from submariner_libreswan.tunnel import Pair, Tunnel

_POLL = 0.1

log = structlog.get_logger("submariner.libreswan")


class Charon(Daemon):
    """Speaks with one charon through vici: the host's at ``socket``, or, ``managed``, an own one.

    Names of connections and secrets are read once, when it is spoken to first: nobody else
    changes those of ours.
    """

    name = "strongswan"
    program = "charon"

    def __init__(
        self,
        folder: Path,
        *,
        managed: bool,
        socket: Path,
        log_file: Path | None = None,
        program: Sequence[str] = (),
    ) -> None:
        self._own = OwnCharon(folder, log_file, program) if managed else None
        self._socket = self._own.socket if self._own is not None else socket
        self._session: Session | None = None
        self._events: Events | None = None
        self._terms: Terms | None = None
        self._pem: dict[str, str] = {}
        self._loaded: dict[str, Tunnel] = {}
        self._owners: dict[str, str] = {}
        self._secrets: set[str] = set()
        self._orphans: list[orphans.Orphan] = []
        self._reasons = Reasons()
        self._errors: dict[str, str] = {}
        self._told = asyncio.Event()

    async def start(self, terms: Terms) -> bool:
        """Start or adopt; see :class:`Daemon`. A charon that was set up otherwise is replaced."""
        certificate = terms.credentials.certificate
        pem = {} if certificate is None else _read(certificate)
        self._reasons.offers = ", ".join((*terms.ike, *terms.esp))
        begun = not self._hears() or (self._own is not None and not self._own.fits(terms))
        if begun or terms != self._terms:
            self._loaded = {}
        try:
            if begun:
                await self._begin(terms)
            if self._pem != pem or (begun and pem):
                await self._ask("load-cert", {"type": "X509", "flag": "CA", "data": pem["ca"]})
                await self._ask("load-key", {"type": "any", "data": pem["private_key"]})
        except DaemonGone:
            await self.close()
            raise
        self._pem, self._terms = pem, terms
        fresh = begun and not self._owners
        if fresh and self._own is not None and terms.plane is Plane.INTERFACES:
            self._orphans = await orphans.look()
        return fresh

    async def load(self, tunnel: Tunnel) -> None:
        """Load secrets and connections; charon changes nothing of what is equal."""
        terms = self._opened()
        if self._loaded.get(tunnel.name) == tunnel:
            return
        self._loaded.pop(tunnel.name, None)
        wanted = messages.connections(tunnel, terms, self._pem)
        secrets = list(messages.secrets(tunnel, terms.credentials.psks))
        for secret in secrets:
            await self._ask("load-shared", secret)
            self._secrets.add(secret["id"])
        await self._forget_secrets(tunnel.name, {secret["id"] for secret in secrets})
        for name, settings in wanted.items():
            self._owners[name] = tunnel.name
            await self._connection(name, settings)
        for name in self._connections(tunnel.name) - set(wanted):
            await self._drop(name)
        for name in wanted:
            sas = await self._asked().listing("list-sas", "list-sa", {"ike": name})
            for ending in messages.strays(tunnel, sas):
                await self._quietly("terminate", ending)
        self._errors.pop(tunnel.name, None)
        self._loaded[tunnel.name] = tunnel

    async def call(self, tunnel: Tunnel, pairs: Collection[Pair]) -> None:
        """Have charon make child SAs; its log tells how that went."""
        for pair in pairs:
            await self._ask(
                "initiate",
                {
                    "child": tunnel.connection(pair),
                    "ike": messages.connection_name(tunnel, pair),
                    "timeout": "-1",
                },
            )

    async def unload(self, name: str) -> None:
        """Drop its connections with their SAs, then its secrets."""
        tunnel = self._loaded.pop(name, None)
        self._errors.pop(name, None)
        for connection in self._connections(name):
            await self._drop(connection)
        await self._forget_secrets(name, set())
        if tunnel is not None:
            await self._bury(tunnel)

    async def observe(self) -> Sequence[TunnelState]:
        """``list-sas``, with the reasons heard meanwhile."""
        session = self._asked()
        if not self._hears():
            raise DaemonGone("charon has gone")
        sas = await session.listing("list-sas", "list-sa")
        held = messages.states(self._owners, self._loaded, sas)
        for name, tunnel in self._loaded.items():
            if (self._errors or self._orphans) and not missing(tunnel, held.get(name)):
                self._errors.pop(name, None)
                await self._bury(tunnel)
        return [
            TunnelState(name, one.children, one.calling, self._errors.get(name, ""))
            for name, one in held.items()
        ]

    async def changed(self) -> None:
        """Until an event of ours, or the end."""
        events = self._events
        if events is None or events.ended.is_set():
            return
        told = asyncio.ensure_future(self._told.wait())
        ended = asyncio.ensure_future(events.ended.wait())
        try:
            await asyncio.wait((told, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (told, ended):
                one.cancel()
            await asyncio.gather(told, ended, return_exceptions=True)
        self._told.clear()

    async def close(self) -> None:
        """Hang up."""
        session, self._session = self._session, None
        events, self._events = self._events, None
        if events is not None:
            await events.close()
        if session is not None:
            await session.close()

    async def stop(self) -> None:
        """End an own charon and remove its files; of the host's, drop what is ours."""
        await self.close()
        if self._own is not None:
            await self._own.stop()
            await orphans.remove_all()
        else:
            self._session = await Session.begin(self._socket)
            if self._session is not None:
                await self._look()
                for name in tuple(self._owners):
                    await self._drop(name)
                await self._forget_secrets(None, set())
            await self.close()
        self._loaded, self._owners, self._secrets, self._terms = {}, {}, set(), None

    # ---- beginning

    def _hears(self) -> bool:
        return (
            self._session is not None
            and not self._session.broken
            and self._events is not None
            and not self._events.ended.is_set()
        )

    async def _begin(self, terms: Terms) -> None:
        await self.close()
        self._session = await (self._own.begin(terms) if self._own is not None else self._host())
        self._events = await Events.begin(self._socket, self._heard)
        await self._look()

    async def _host(self) -> Session:
        deadline = time.monotonic() + START_TIMEOUT
        while (session := await Session.begin(self._socket)) is None:
            if time.monotonic() > deadline:
                raise DaemonGone(
                    f"daemon strongswan: no charon listens at {self._socket}: start it, or set "
                    "options.libreswan.manage_daemon: true"
                )
            await asyncio.sleep(_POLL)
        return session

    # ---- what charon holds

    async def _look(self) -> None:
        """Read the names of what it holds of ours."""
        listed = await self._asked().listing("list-conns", "list-conn")
        self._owners = messages.owners(listed)
        answer = await self._ask("get-shared")
        names = (one.decode("utf-8", "replace") for one in answer.get("keys", []))
        self._secrets = {name for name in names if name.startswith(messages.OURS)}

    def _connections(self, tunnel: str) -> set[str]:
        return {name for name, owner in self._owners.items() if owner == tunnel}

    async def _connection(self, name: str, settings: Mapping[str, Any]) -> None:
        try:
            await self._ask("load-conn", {name: settings})
        except DaemonGone:
            raise
        except CableError as error:
            hint = ""
            if "proposals" in str(error):
                hint = f": it knows not all of {self._reasons.offers}: correct ike_proposals"
                hint += " or esp_proposals"
            raise CableError(f"cable {self._owners[name]!r}: {error}{hint}") from None

    async def _drop(self, connection: str) -> None:
        """Unload first, so that nothing is called again; then end what it had."""
        await self._quietly("unload-conn", {"name": connection})
        await self._quietly("terminate", {"ike": connection, "timeout": "-1", "force": "yes"})
        self._owners.pop(connection, None)

    async def _forget_secrets(self, tunnel: str | None, but: Collection[str]) -> None:
        """Those of one tunnel, or of all."""
        for name in tuple(self._secrets):
            if name not in but and tunnel in {None, messages.owner(name)}:
                await self._quietly("unload-shared", {"id": name})
                self._secrets.discard(name)

    async def _quietly(self, command: str, message: Mapping[str, Any]) -> None:
        """For what may be gone already: charon refuses that, and it is what was wanted."""
        try:
            await self._ask(command, message)
        except DaemonGone:
            raise
        except CableError as error:
            log.debug("nothing-to-do", command=command, reason=str(error))

    async def _ask(
        self, command: str, message: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        return await self._asked().request(command, message)

    def _asked(self) -> Session:
        if self._session is None:
            raise DaemonGone("charon was not spoken to yet")
        return self._session

    def _opened(self) -> Terms:
        if self._terms is None:
            raise CableError("libreswan is not open yet: call open first")
        return self._terms

    async def _bury(self, tunnel: Tunnel) -> None:
        """Delete what an earlier charon left of a tunnel that has other SAs, or needs none."""
        ends = {str(tunnel.local), str(tunnel.address)}
        dead = [one for one in self._orphans if one.ends == ends and one.if_id == tunnel.interface]
        if dead:
            await orphans.remove(dead)
            self._orphans = [one for one in self._orphans if one not in dead]

    # ---- what charon tells

    def _heard(self, event: str, message: Mapping[str, Any]) -> None:
        if not event:
            log.warning("events-ended", daemon=self.program, reason=message["reason"])
        if event != "log":
            self._told.set()
            return
        line = Line(
            _text(message.get("ikesa-uniqueid")),
            _text(message.get("ikesa-name")),
            _text(message.get("msg")),
        )
        if (blame := self._reasons.read(line)) is not None:
            for tunnel in self._blamed(blame):
                self._errors[tunnel.name] = blame.said(tunnel.offers)
                self._told.set()

    def _blamed(self, blame: Blame) -> list[Tunnel]:
        """By its connection; by its address, where charon did not know yet whose call it was."""
        owner = self._owners.get(blame.connection)
        if owner is not None:
            return [self._loaded[owner]] if owner in self._loaded else []
        return [one for one in self._loaded.values() if str(one.address) == blame.source]


def _read(files: Certificate) -> dict[str, str]:
    found = {}
    for name in ("certificate", "private_key", "ca"):
        path: Path = getattr(files, name)
        try:
            found[name] = path.read_text("ascii")
        except (OSError, ValueError) as error:
            raise CableError(
                f"options.libreswan.{name}: {path} cannot be read ({error}): put a PEM file there"
            ) from None
    return found


def _text(value: bytes | str | None) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
