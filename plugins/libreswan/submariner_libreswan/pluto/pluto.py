"""Libreswan's pluto, spoken to by whack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import structlog

from submariner_core.api.errors import CableError
from submariner_libreswan import process
from submariner_libreswan.daemon import ChildState, Daemon, DaemonGone, Terms, TunnelState
from submariner_libreswan.plane import Plane
from submariner_libreswan.pluto import (
    arguments,
    files,
    leftovers,
    nss,
    reasons,
    starting,
    status,
)
from submariner_libreswan.pluto.arguments import Dialect
from submariner_libreswan.pluto.complaints import Complaints
from submariner_libreswan.pluto.ledger import Ledger, Words
from submariner_libreswan.pluto.presence import Presence
from submariner_libreswan.pluto.proposals import offer
from submariner_libreswan.pluto.secrets import Secrets
from submariner_libreswan.pluto.tail import Tail
from submariner_libreswan.pluto.whack import Whack
from submariner_libreswan.tunnel import Pair, Tunnel

_LIVENESS = 0.25
"""Seconds between looks at whether pluto lives, and at its log."""
_BUSY, _IDLE = 1.0, 5.0
"""Seconds between looks at its SAs."""

log = structlog.get_logger("submariner.libreswan")


class Pluto(Daemon):
    """Speaks with one pluto: the host's, or, ``managed``, an own one with its files in ``folder``.

    An own one has a session of its own: it outlives this process, whose successor finds it by its
    socket, and what it was told in the ledger. Of the host's, connections of ours only are
    touched; why they failed is known if ``log_file`` is where that pluto logs.
    """

    name = "libreswan"
    program = "pluto"

    def __init__(
        self,
        folder: Path,
        *,
        managed: bool,
        log_file: Path | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self._managed = managed
        self._prefix = tuple(prefix)
        self._places = files.places(folder, managed=managed, log=log_file)
        self._whack = Whack(self._places.socket, prefix)
        self._ledger = Ledger(self._places.ledger)
        self._secrets = Secrets(self._places.secrets, usual=managed)
        path = self._places.log
        self._complaints = Complaints(None if path is None else Tail(path, ours=log_file is None))
        self._terms: Terms | None = None
        self._proof: arguments.Proof | None = None
        self._presence = Presence(self._places, managed=managed)
        self._tunnels: dict[str, Tunnel] = {}
        self._called: set[str] = set()
        self._left: set[str] = set()
        self._seen: dict[str, float] = {}
        self._last: status.Listing | None = None
        self._stale: list[leftovers.Leftover] = []
        self._lock = asyncio.Lock()

    # ---- the contract

    async def start(self, terms: Terms) -> bool:
        """Start or adopt; see :class:`Daemon`."""
        if terms.plane is Plane.USERSPACE:
            raise CableError(
                "daemon libreswan: this kernel has no ESP, which pluto needs: load the module "
                "esp4, or set options.libreswan.daemon: strongswan, which has ESP of its own"
            )
        offer(terms.ike, terms.esp)
        async with self._lock:
            begun = self._managed and await self._own(terms)
            if not self._managed:
                await starting.found(self._places, self._whack)
            known = not begun and self._presence.same()
            self._terms = terms
            if not known:
                held = status.held((await self._whack.ask("--status")).text)
                self._ledger.read(held)
                self._left = {owner for name in held if (owner := _owner(name)) is not None}
                self._tunnels, self._called = {}, set()
            await self._prove(terms)
            if known:
                return False
            await self._whack.ask("--listen")  # addresses may have come since it looked
            await self._whack.ask("--debug", "base" if terms.debug else "none")
            self._presence.take()
            return not self._left

    async def load(self, tunnel: Tunnel) -> None:
        """Add connections, those whose words differ from the loaded ones after deleting these."""
        terms = self._opened()
        if terms.credentials.certificate is not None:
            nss.check_name(terms.credentials.certificate, tunnel.local)
        async with self._lock:
            self._tunnels[tunnel.name] = tunnel
            await self._load(tunnel)

    async def call(self, tunnel: Tunnel, pairs: Collection[Pair]) -> None:
        """Have pluto make child SAs."""
        async with self._lock:
            again = tunnel.name in self._called  # and nobody tells why that came to nothing
            if self._complaints.deaf and again and self._secrets.turn(tunnel.name, calls=True):
                await self._share()
            self._called.add(tunnel.name)
            words = [tunnel.connection(pair) for pair in pairs]
            answers = [
                await self._whack.ask("--initiate", "--asynchronous", "--name", name)
                for name in words
            ]
        if any(answer.unknown for answer in answers):
            self._ledger.put(tunnel.name, {})
            raise DaemonGone(f"pluto no longer has the connections of {tunnel.name}")

    async def unload(self, name: str) -> None:
        """Delete its connections, and with them their SAs and policies."""
        async with self._lock:
            connections: Collection[str] = self._ledger.get(name)
            if not connections:
                held = status.held((await self._whack.ask("--status")).text)
                connections = [one for one in held if _owner(one) == name]
            for connection in connections:
                await self._delete(connection)
            self._ledger.put(name, {})
            self._tunnels.pop(name, None)
            self._called.discard(name)
            self._left.discard(name)
            self._secrets.forget(name)
            await self._share()

    async def observe(self) -> Sequence[TunnelState]:
        """``--trafficstatus`` and ``--showstates``, with what the log says of failures."""
        self._presence.check()
        listing = status.listing((await self._whack.ask("--trafficstatus", "--showstates")).text)
        self._complaints.hear()
        self._last = listing
        standing = {_owner(child.connection) for child in listing.children}
        await self._take_turns(standing)
        await self._speak_otherwise(standing)
        states = list(self._states(listing))
        if self._stale:
            standing = {child.connection for child in listing.children}
            self._stale = await leftovers.replaced(
                self._stale,
                {name for name, words in self._ledger if standing.issuperset(words)},
            )
        return states

    async def changed(self) -> None:
        """Until SAs differ from those last observed, the log names a connection, or the end."""
        last, waited = self._last, 0.0
        while True:
            try:
                self._presence.check()
                if self._complaints.hear():
                    return
                waited += _LIVENESS
                busy = last is None or bool(last.calling)
                if waited >= (_BUSY if busy else _IDLE):
                    waited = 0.0
                    answer = await self._whack.ask("--trafficstatus", "--showstates")
                    now = status.listing(answer.text)
                    if last is None or _essence(now) != _essence(last):
                        return
            except DaemonGone:
                return
            await asyncio.sleep(_LIVENESS)

    async def close(self) -> None:
        """Nothing is open between two requests."""

    async def stop(self) -> None:
        """End an own pluto and remove its files; of the host's, delete what is ours."""
        async with self._lock:
            if self._managed:
                if pid := self._presence.running():
                    await process.end(pid)  # it deletes its SAs, here and at its peers
            elif await self._whack.lives():
                for connection in status.held((await self._whack.ask("--status")).text):
                    await self._delete(connection)
            if self._managed and self._places.run.exists():  # what is left of one in the kernel
                self._ledger.read()
                await leftovers.remove_all(self._ledger)
            if not self._managed and self._places.secrets.exists():
                self._places.secrets.unlink()
                if await self._whack.lives():
                    await self._whack.ask("--rereadsecrets")
            files.remove(self._places)
            self._ledger.forget()
            self._presence.forget()
            self._terms, self._tunnels = None, {}

    # ---- beginning

    async def _own(self, terms: Terms) -> bool:
        """Start a pluto of ours unless it runs; whether it had to be."""
        files.prepare(self._places)
        if await self._whack.lives():
            return False
        self._ledger.read()
        stale = await leftovers.of(self._ledger)
        self._ledger.forget()
        process.refuse_taken(terms.port)
        await nss.Database(self._places.nss, self._places.folder, self._prefix).make()
        self._secrets.psks = terms.credentials.psks
        self._secrets.write(self._ledger)
        pid = await starting.begin(self._places, self._whack, self._prefix)
        self._stale = stale
        log.info("daemon-started", daemon=self.program, pid=pid)
        return True

    async def _prove(self, terms: Terms) -> None:
        """Hand pluto the credentials; what is there already is left."""
        certificate = terms.credentials.certificate
        if certificate is not None:
            database = await self._database()
            self._proof = await database.hold(certificate)
        else:
            self._proof = None
        self._secrets.psks = terms.credentials.psks
        self._complaints.offers = reasons.Offers(
            ", ".join(terms.ike), ", ".join(terms.esp), certificate is not None
        )
        await self._share()

    async def _database(self) -> nss.Database:
        folder = self._places.nss
        if not self._managed:
            held = (await self._whack.ask("--status")).text
            folder = Path(status.setting(held, "nssdir") or "/var/lib/ipsec/nss")
        return nss.Database(folder, self._places.folder, self._prefix)

    async def _share(self) -> None:
        """Have pluto know the PSKs."""
        if self._secrets.write(self._ledger):
            await self._whack.ask("--rereadsecrets")

    async def _take_turns(self, standing: Collection[str | None]) -> None:
        """Where a proof was refused, try the next accepted PSK; see :meth:`Secrets.turn`."""
        turned = False
        for name in self._complaints.refusals():
            tunnel = self._tunnels.get(name)
            if tunnel is not None and name not in standing:
                turned |= self._secrets.turn(name, calls=tunnel.calls)
        if turned:
            async with self._lock:
                await self._share()

    # ---- connections

    async def _load(self, tunnel: Tunnel, dialect: Dialect | None = None) -> None:
        """Have pluto hold a tunnel so; in any dialect, if none is asked for."""
        held = self._ledger.get(tunnel.name)
        known = [self._words(tunnel, one) for one in ([dialect] if dialect else Dialect)]
        if held in known:
            return
        wanted = known[0]
        same = {name for name, words in held.items() if wanted.get(name) == words}
        for name in held:
            if name not in same:
                await self._delete(name)
        self._ledger.put(tunnel.name, wanted)
        await self._share()
        try:
            for name, words in wanted.items():
                if name not in same:
                    await self._add(tunnel, name, words)
        except CableError:
            self._ledger.put(tunnel.name, {})
            raise

    def _words(self, tunnel: Tunnel, dialect: Dialect) -> Words:
        return {
            tunnel.connection(pair): arguments.connection(
                tunnel, pair, self._opened(), self._proof, dialect
            )
            for pair in tunnel.pairs
        }

    async def _speak_otherwise(self, standing: Collection[str | None]) -> None:
        """An upstream peer that takes no child proposal is met in the other dialect."""
        for name in self._complaints.apart():
            tunnel = self._tunnels.get(name)
            if tunnel is None or tunnel.ours or name in standing:
                continue
            held = self._ledger.get(name)
            spoken = next((one for one in Dialect if self._words(tunnel, one) == held), None)
            if spoken is not None:
                async with self._lock:
                    await self._load(tunnel, spoken.other)

    async def _add(self, tunnel: Tunnel, name: str, words: Sequence[str]) -> None:
        answer = await self._whack.ask(*words)
        if "attempt to redefine" in answer.text:
            await self._delete(name)
            answer = await self._whack.ask(*words)
        if "Address already in use" in answer.text:
            raise CableError(
                f"cable {tunnel.name!r}: UDP port {tunnel.local_port} of {tunnel.local} is taken "
                "by another program: end it, or set options.libreswan.port to a free one"
            )
        if "added IKEv2 connection" not in answer.text:
            raise CableError(f"cable {tunnel.name!r}: pluto refused it: {answer.said}")
        if arguments.routed(tunnel, self._opened()):
            answer = await self._whack.ask("--route", "--name", name)
            if answer.code:
                raise CableError(f"cable {tunnel.name!r}: pluto cannot route it: {answer.said}")

    async def _delete(self, connection: str) -> None:
        await self._whack.ask("--delete", "--name", connection)
        self._complaints.settle((connection,))

    # ---- what pluto holds and tells

    def _states(self, listing: status.Listing) -> Iterator[TunnelState]:
        children: dict[str, list[ChildState]] = {
            name: [] for name in (*self._ledger.names(), *self._left)
        }
        boot, wall = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
        for child in listing.children:
            owner = arguments.owner(child.connection)
            if owner is None:
                continue
            first = self._seen.setdefault(child.spi, boot)
            age = wall - child.used if child.used else 0.0
            children.setdefault(owner[0], []).append(
                ChildState(
                    owner[1], child.spi, child.rx_bytes, child.tx_bytes, max(age, boot - first, 0)
                )
            )
        alive = {child.spi for child in listing.children}
        self._seen = {spi: first for spi, first in self._seen.items() if spi in alive}
        standing = {child.connection for child in listing.children}
        self._complaints.settle(standing)
        calling = {_owner(name) for name in listing.calling}
        for name, found in children.items():
            if found:
                self._called.discard(name)
                self._secrets.settle(name)
            yield TunnelState(
                name,
                tuple(found),
                name in calling,
                self._complaints.of(self._tunnels.get(name), self._ledger.get(name)),
            )

    def _opened(self) -> Terms:
        if self._terms is None:
            raise CableError("libreswan is not open yet: call open first")
        return self._terms


def _owner(connection: str) -> str | None:
    found = arguments.owner(connection)
    return None if found is None else found[0]


def _essence(listing: status.Listing) -> object:
    """What of a listing is a change: not octets."""
    return frozenset(child.spi for child in listing.children), listing.calling
