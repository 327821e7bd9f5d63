"""NAT discovery at work: answers whoever asks, asks in the background, remembers what it found.

Nothing waits for it but a cable to a gateway never met before, for a moment. What was found is
kept on disk, so that a restarted process uses the same addresses at once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import structlog

from submariner_core.api.model import Endpoint
from submariner_core.daemon.clock import Clock
from submariner_core.engine.events import Discovered
from submariner_core.observe.nat_discovery.socket import (
    Datagram,
    DiscoverySocket,
    source_towards,
)
from submariner_core.observe.nat_discovery.wire import NotAMessage, decode, encode
from submariner_core.reconcile.nat_discovery import (
    Discovery,
    Errand,
    Peer,
    Way,
    ask,
    hear,
    restart,
    start,
)
from submariner_core.reconcile.nat_messages import (
    Party,
    Place,
    Request,
    Response,
    answer,
    endpoint_id,
)

RETRY = 5.0
"""Seconds until a port that is in use is tried again."""
REMEMBERED = 2048
"""Gateways whose way is remembered though they are not in use now."""

log = structlog.get_logger("submariner.nat")


class NatDiscovery:
    """One socket, and a discovery per peer.

    ``own`` gives this gateway's Endpoint, ``None`` until it is open. ``post`` gets all ways known
    whenever one changes.
    """

    def __init__(
        self,
        port: int,
        own: Callable[[], Endpoint | None],
        post: Callable[[Discovered], None],
        clock: Clock,
        remembered: Path,
    ) -> None:
        self._port = port
        self._own = own
        self._post = post
        self._clock = clock
        self._memory = remembered
        self._ways = _read(remembered)
        self._found: dict[str, Discovery] = {}
        self._news = asyncio.Event()

    def set_peers(self, peers: Mapping[str, Peer]) -> None:
        """Look for these and no others. One that states new addresses is asked again at once."""
        now = self._clock()
        for name in self._found.keys() - peers.keys():
            del self._found[name]
        for name, peer in peers.items():
            known = self._found.get(name)
            if known is None:
                self._found[name] = start(peer, now, self._ways.get(name))
            elif known.peer != peer:
                self._found[name] = restart(known, peer, now)
            else:
                continue
            self._news.set()

    async def run(self) -> None:
        """Ask and answer until cancelled; while the port is taken, say so and try again."""
        self._tell()
        while True:
            try:
                socket = DiscoverySocket(self._port)
            except OSError as error:
                problem = f"NAT discovery: UDP port {self._port}: {error.strerror}"
                log.warning("port-not-open", port=self._port, reason=error.strerror)
                self._tell(problem)
                await asyncio.sleep(RETRY)
                continue
            self._tell()
            await self._serve(socket)

    async def _serve(self, socket: DiscoverySocket) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(socket.fileno(), self._ready, socket)
        try:
            while True:
                self._news.clear()
                self._ask(socket)
                due = min((one.next_round for one in self._found.values()), default=None)
                wait = None if due is None else max(0.0, due - self._clock())
                try:
                    async with asyncio.timeout(wait):
                        await self._news.wait()
                except TimeoutError:
                    continue
        finally:
            loop.remove_reader(socket.fileno())
            socket.close()

    # ---- asking

    def _ask(self, socket: DiscoverySocket) -> None:
        own, now = self._own(), self._clock()
        if own is None:
            return
        for name, one in list(self._found.items()):
            if one.next_round <= now:
                after, errands = ask(one, now, _numbers())
                self._keep(name, after)
                for errand in errands:
                    self._send(socket, own, errand)

    def _send(self, socket: DiscoverySocket, own: Endpoint, errand: Errand) -> None:
        target = Place(str(errand.address), errand.port)
        question = errand.question
        request = Request(
            question.number,
            Party(own.cluster_id, endpoint_id(own.cable_name, suffixed=question.suffixed)),
            errand.receiver,
            Place(source_towards(target.address), self._port),
            target,
        )
        try:
            socket.send(encode(request), target)
        except OSError as error:  # no way there: as good as no answer
            log.debug("not-asked", address=target.address, reason=error.strerror)

    # ---- hearing

    def _ready(self, socket: DiscoverySocket) -> None:
        for datagram in socket.receive():
            try:
                message = decode(datagram.data)
            except NotAMessage:
                log.debug("not-a-message", source=datagram.source.address)
                continue
            if isinstance(message, Request):
                self._answer(socket, message, datagram)
            else:
                self._hear(message, datagram.source)

    def _answer(self, socket: DiscoverySocket, request: Request, datagram: Datagram) -> None:
        own = self._own()
        if own is None:
            return
        try:
            socket.send(
                encode(answer(request, datagram.source, own)), datagram.source, datagram.at
            )
        except OSError as error:
            log.debug("not-answered", address=datagram.source.address, reason=error.strerror)

    def _hear(self, response: Response, source: Place) -> None:
        name = next(
            (
                name
                for name, one in self._found.items()
                if any(question.number == response.number for question in one.questions)
            ),
            None,
        )
        if name is None:
            log.debug("unasked", source=source.address)
            return
        after = hear(self._found[name], response, source.address, self._clock())
        if after is self._found[name]:
            log.debug("refused", cable=name, source=source.address, verdict=response.verdict)
        self._keep(name, after)

    def _keep(self, name: str, after: Discovery) -> None:
        self._found[name] = after
        way = after.way
        if way is None or self._ways.get(name) == way:
            return
        log.info("way-found", cable=name, public=way.public, nat=way.nat)
        others = {one: known for one, known in self._ways.items() if one != name}
        idle = [one for one in others if one not in self._found]
        for one in idle[: max(0, len(others) - REMEMBERED)]:
            del others[one]
        self._ways = {**others, name: way}
        self._tell()
        _write(self._memory, self._ways)

    def _tell(self, problem: str = "") -> None:
        self._post(Discovered(self._ways, problem))


def _numbers() -> Iterator[int]:
    """Nobody can guess the number of a request, nor tell one peer's from another's."""
    return (secrets.randbits(64) for _ in itertools.count())


def _read(path: Path) -> dict[str, Way]:
    """What an earlier process found; nothing if it cannot be read."""
    try:
        stored = json.loads(path.read_text())
        return {str(name): Way(bool(public), bool(nat)) for name, (public, nat) in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.warning("not-remembered", file=str(path), reason=str(error))
        return {}


def _write(path: Path, ways: Mapping[str, Way]) -> None:
    new = path.with_suffix(".new")
    try:
        new.write_text(json.dumps({name: [way.public, way.nat] for name, way in ways.items()}))
        new.replace(path)
    except OSError as error:
        log.warning("not-remembered", file=str(path), reason=str(error))
