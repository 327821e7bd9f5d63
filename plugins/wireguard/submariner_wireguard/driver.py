"""The cable driver: a device for each slot of the remote gateways, and a peer for each cable."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path as FilePath

import structlog

from submariner_core.api.cable import Cable, CableDriver, CableState, Detour, LocalGateway, Path
from submariner_core.api.errors import CableError, SubmarinerError
from submariner_core.api.naming import CABLE_OCTET, DETOUR_SUFFIX, SLOTS, lone_address
from submariner_core.kernel import Kernel
from submariner_core.kernel.core_files import forbid_core_files
from submariner_core.kernel.underlay import underlay_mtu
from submariner_wireguard.device import DEVICE, OVERHEAD, DeviceState, device_name
from submariner_wireguard.devices import Devices, Wanted
from submariner_wireguard.figures import Figures, PeerFigures
from submariner_wireguard.implementation import Implementation
from submariner_wireguard.inkernel import InKernel
from submariner_wireguard.keyfile import ensure_key, erase_keys, key_waits
from submariner_wireguard.options import WireGuardOptions
from submariner_wireguard.peer import PUBLIC_KEY, Peer, check_distinct, peer_of, succeeds
from submariner_wireguard.peering import Peering, Terms
from submariner_wireguard.roster import Place, Roster
from submariner_wireguard.second import SecondSet
from submariner_wireguard.secret import public_key
from submariner_wireguard.status import Handshakes, cable_state, unknown_states
from submariner_wireguard.userspace import Userspace

NAME = "wireguard"
_INTERVAL = 5.0
_SOON = 0.2
"""Seconds between observations while a cable is new and its handshake is due."""
_NEW = 10.0

log = structlog.get_logger("submariner.wireguard")


class WireGuardDriver(CableDriver):
    """WireGuard cables to peers of this project and of upstream.

    Devices hold the peers, a roster in ``state_dir`` their names, a file beside it the private
    key: a restarted process finds all of it and changes nothing.
    """

    def __init__(
        self,
        options: WireGuardOptions,
        state_dir: FilePath,
        implementations: Sequence[Implementation] | None = None,
    ) -> None:
        self._options = options
        self._state_dir = state_dir
        self._kernel = Kernel()
        every = implementations or (
            InKernel(self._kernel),
            Userspace(self._kernel, managed=options.manage_daemon),
        )
        self._devices = Devices(self._kernel, every, options.implementation)
        self._peering = Peering(self._devices)
        self._second = SecondSet(self._devices)
        self._roster = Roster(state_dir)
        self._handshakes = Handshakes()
        self._lock = asyncio.Lock()
        self._terms: Terms | None = None
        self._renewing = False
        self._loaded: dict[str, Peer] | None = None
        self._made: dict[str, float] = {}
        self._fallen: dict[str, float] = {}
        self._silent: dict[str, float] = {}
        self.figures = Figures()
        """What metrics show: a value, swapped whole."""

    async def open(self, local: LocalGateway) -> Mapping[str, str]:
        """Bring the devices up or adopt them, with all peers that were there.

        The port is the configured one. Without one it is 4510, save where wireguard is the first
        cable, and so the endpoint's backend: what that endpoint advertises, or 4500. Raises
        :class:`CableError` for what is amiss with keys, devices or ports.
        """
        forbid_core_files()
        options, private_ip = self._options, local.endpoint.private_ip
        preshared_key = options.preshared_key()
        async with self._lock:
            mtu = await underlay_mtu(self._kernel, private_ip, NAME) - OVERHEAD[6]
            await self._devices.choose()
            starting = self._terms is None or self._renewing
            key = ensure_key(self._state_dir, starting=starting)
            terms = Terms(
                Wanted(key, self._port(local), mtu, lone_address(private_ip, CABLE_OCTET)),
                local.slot,
                options.keepalive,
                preshared_key,
            )
            before, place = self._roster.place(), Place(str(private_ip), local.slot)
            await self._peering.restore(
                self._peers.values(), terms, moved=before not in {None, place}
            )
            if before != place:
                self._roster.keep_place(place)
            if starting:  # as the devices were read, before their key was changed
                self._second.rekeyed(self._handshaken())
            self._terms, self._renewing = terms, False
        return {
            PUBLIC_KEY: public_key(key),
            "udp-port": str(terms.devices.port),
            "interface-name": DEVICE,
        }

    async def connect(self, cable: Cable) -> Path:
        """Make the cable's peer so.

        Raises :class:`CableError` for a public key that is none or somebody else's, and for
        prefixes of another cluster.
        """
        peer = peer_of(cable)
        async with self._lock:
            if self._terms is None:
                raise CableError(f"cable {cable.name!r}: wireguard is not open yet")
            others = [other for other in self._peers.values() if other.name != peer.name]
            check_distinct(peer, public_key(self._terms.devices.private_key), others)
            before = self._peers.get(peer.name)
            if before is None:  # a name before its peer: what a crash leaves behind has one
                self._remember(peer)
            moved = before is not None and before.address != peer.address
            gently = before is not None and self._has_second(peer) and _rekeyed(before, peer)
            if gently:
                await self._peering.prove(peer, self._terms)
            await self._peering.make(peer, self._terms, moved=moved)
            if gently and before is not None:
                await self._peering.drain(before)
            if before is not None and before != peer:
                self._remember(peer)
                if (before.device, before.public_key) != (peer.device, peer.public_key):
                    await self._peering.remove(before)
            for other in others:
                if succeeds(peer, other):
                    self._forget(other.name)
            mtu = await self._devices.path_mtu(peer.device, peer.address.host)
        return Path(peer.device, None, mtu)

    async def disconnect(self, cable_name: str) -> None:
        """Remove the cable's peer, then its name."""
        async with self._lock:
            peer = self._peers.get(cable_name)
            if peer is None:
                return
            await self._devices.choose()
            await self._peering.remove(peer)
            self._forget(cable_name)

    async def observe(self) -> Sequence[CableState]:
        """What the devices hold; a cable whose peer is gone is not there."""
        async with self._lock:
            held = await self._peering.read(self._peers.values())
            return tuple(self._states(held))

    async def watch(self) -> AsyncIterator[Sequence[CableState]]:
        """Observations every 5 s; sooner while a handshake is due; at once after a daemon died."""
        while True:
            yield await self.observe()
            implementation = await self._devices.choose()
            try:
                async with asyncio.timeout(_SOON if self._due() else _INTERVAL):
                    device = await implementation.lost()
            except TimeoutError:
                pass
            else:
                log.warning("daemon-died", device=device)
                self._fallen.setdefault(device, _now())
            if self._fallen:
                await self._revive()

    async def describe(self) -> str:
        """Which implementation is in use, or is to be used, and how many peers it has."""
        if (found := await self._devices.find()) is None:
            return f"no device {DEVICE} yet; implementation: {self._options.implementation}"
        peers = 0
        for slot in SLOTS:
            state = await found.read(device_name(slot))
            peers += len(state.peers) if state is not None else 0
        waits = ", and a new key that waits" if key_waits(self._state_dir) else ""
        return f"{found.name} implementation in use, with {peers} peers{waits}"

    async def renew(self) -> None:
        """Take up a key that waits, at the next :meth:`open`."""
        async with self._lock:  # an open that runs began without it, and must not end it
            self._renewing = True

    async def detour(self, slot: int) -> Detour | None:
        """A second set of devices, while a new key waits and until the first set has it."""
        async with self._lock:
            if self._terms is None or not (self._second.made or key_waits(self._state_dir)):
                return None
            offer = await self._second.make(self._peers.values(), self._terms, slot)
            await self._peering.read(self._peers.values())
            followed = () if self._renewing else self._second.followed(self._handshaken(), _now())
            return Detour(offer, await self._second.paths(), frozenset(followed))

    async def end_detour(self) -> None:
        """Remove the second set of devices, or what an earlier process left of one."""
        async with self._lock:
            if self._terms is not None:
                await self._second.remove(self._peers.values())

    async def close(self) -> None:
        """Release sockets; the devices go on forwarding."""
        await self._devices.close()
        await self._kernel.close()

    async def cleanup(self) -> None:
        """Remove the devices, the roster and the keys."""
        async with self._lock:
            await self._devices.remove()
            self._roster.erase()
            erase_keys(self._state_dir)
            self._loaded, self._terms = {}, None

    async def _revive(self) -> None:
        """Start daemons again that died, with all their peers; what fails is tried again."""
        try:
            async with self._lock:
                if self._terms is not None:
                    await self._peering.restore(self._peers.values(), self._terms)
        except (SubmarinerError, OSError) as error:
            devices = sorted(self._fallen)
            log.error("daemon-not-restarted", devices=devices, reason=str(error))  # noqa: TRY400
            return
        fallen, self._fallen = self._fallen, {}
        for device, began in fallen.items():
            gap = _now() - began
            self.figures = self.figures.revived(device, gap)
            self._made |= {
                peer.name: began for peer in self._peers.values() if peer.device == device
            }
            self._silent[device] = began
            log.warning("daemon-restarted", device=device, gap_ms=round(gap * 1000, 1))

    def _states(self, held: Mapping[str, DeviceState]) -> Iterator[CableState]:
        boot, wall = _now(), time.time()
        known = {(peer.device, peer.public_key): peer for peer in self._peers.values()}
        implementation = self._devices.implementation.name
        seen: list[PeerFigures] = []
        for device, state in held.items():
            yield from unknown_states(
                device, state, {key for name, key in known if name == device}
            )
            for key, one in state.peers.items():
                peer = known.get((device, key))
                if peer is None:
                    continue
                age = self._handshakes.age(peer.name, one.handshake, wall, boot)
                waited = self._handshakes.waiting(peer.name, boot)
                yield cable_state(peer, one, age, waited, implementation)
                if age is not None and device in self._silent:
                    gap = boot - age - self._silent.pop(device)
                    self.figures = self.figures.handshaken(gap)
                    log.warning("daemon-handshaken", device=device, gap_ms=round(gap * 1000, 1))
                seen.append(PeerFigures(peer.cluster_id, peer.hostname, device, age))
        self._handshakes.keep(self._peers)
        self.figures = dataclasses.replace(
            self.figures, implementation=implementation, peers=tuple(seen)
        )

    def _due(self) -> bool:
        """Whether a handshake with a new peer is still to come."""
        since = _now() - _NEW
        return any(
            made > since and name in self._peers and not self._peering.handshake(self._peers[name])
            for name, made in self._made.items()
        )

    def _handshaken(self) -> Mapping[str, float]:
        """The last handshake of each cable."""
        return {name: self._peering.handshake(peer) for name, peer in self._peers.items()}

    def _has_second(self, peer: Peer) -> bool:
        """Whether that gateway sends by second cables: what it sends by this one can wait."""
        return peer.name + DETOUR_SUFFIX in self._peers

    def _port(self, local: LocalGateway) -> int:
        first = local.endpoint.backend == NAME
        advertised = local.endpoint.backend_config.get("udp-port", "") if first else ""
        if self._options.port is None and advertised.isascii() and advertised.isdecimal():
            return int(advertised)
        return self._options.udp_ports(0 if first else 1).start

    def _remember(self, peer: Peer) -> None:
        self._roster.keep(peer)
        self._peers[peer.name] = peer
        self._made[peer.name] = _now()

    def _forget(self, name: str) -> None:
        self._roster.forget(name)
        self._peers.pop(name, None)
        self._made.pop(name, None)

    @property
    def _peers(self) -> dict[str, Peer]:
        """By name. Read from the roster when first asked for: making a driver touches nothing."""
        if self._loaded is None:
            self._loaded = self._roster.load()
        return self._loaded


def _rekeyed(before: Peer, peer: Peer) -> bool:
    return before.device == peer.device and before.public_key != peer.public_key


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
