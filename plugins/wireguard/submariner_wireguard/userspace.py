"""WireGuard in user space: one ``wireguard-go`` for each device, apart from this process."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from submariner_core.api.errors import CableError
from submariner_core.kernel import Kernel
from submariner_wireguard import uapi
from submariner_wireguard.conversation import Conversation
from submariner_wireguard.device import DeviceState, PeerChange
from submariner_wireguard.implementation import Implementation
from submariner_wireguard.secret import Secret

PROGRAM = "wireguard-go"
SOCKETS = Path("/var/run/wireguard")
"""Where ``wireguard-go`` puts its sockets; it has no option for that."""
START_TIMEOUT = 10.0
POLL = 0.1

log = structlog.get_logger("submariner.wireguard")


class Userspace(Implementation):
    """Starts daemons and speaks with them through their sockets.

    A daemon has a session of its own and init for a parent: it outlives this process, whose
    successor finds it by its socket. With ``managed`` false somebody else starts daemons and
    keeps them: they are waited for, and only emptied when their device is no longer wanted.
    """

    name = "userspace"
    kind = "tun"

    def __init__(
        self,
        kernel: Kernel,
        sockets: Path = SOCKETS,
        program: Sequence[str] = (PROGRAM,),
        *,
        managed: bool = True,
    ) -> None:
        self._managed = managed
        self._kernel = kernel
        self._sockets = sockets
        self._program = tuple(program)
        self._conversations: dict[str, Conversation] = {}
        self._died: asyncio.Queue[str] = asyncio.Queue()

    async def create(self, device: str) -> None:
        """Start a daemon, which makes the device. Raises :class:`CableError` with its words."""
        if not self._managed:
            await self._wait(device)
            return
        code, said = await self._start(device)
        if code:
            raise CableError(_why(device, said))
        if await self._conversation(device) is None:
            raise CableError(
                f"device {device}: {PROGRAM} started, but there is no socket of it in "
                f"{self._sockets}: is that folder writable?"
            )
        log.info("daemon-started", device=device)

    async def read(self, device: str) -> DeviceState | None:
        """What the daemon holds; ``None`` without one."""
        conversation = await self._conversation(device)
        if conversation is None:
            return None
        answer = await conversation.ask(uapi.GET)
        _succeed(device, "read", answer)
        return uapi.device_state(answer)

    async def configure(
        self, device: str, *, private_key: Secret | None = None, port: int | None = None
    ) -> None:
        """Set key and port."""
        await self._set(device, "configure", uapi.set_device(private_key, port))

    async def change(self, device: str, change: PeerChange) -> None:
        """Change or make a peer."""
        await self._set(device, f"change peer {change.public_key} of", uapi.set_peer(change))

    async def remove(self, device: str, public_key: str) -> None:
        """Remove a peer."""
        if await self._conversation(device) is not None:
            await self._set(device, f"remove peer {public_key} of", uapi.remove_peer(public_key))

    async def delete(self, device: str) -> None:
        """Remove the device, which ends its daemon; empty it where the daemon is another's."""
        conversation = await self._conversation(device)
        if conversation is None:
            return
        if not self._managed:
            await self._kernel.links.set(device, up=False)  # else it takes another port at once
            _succeed(device, "empty", await conversation.ask(uapi.EMPTY))
            return
        self._conversations.pop(device, None)
        await self._kernel.links.delete(device)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT):
                await conversation.ended.wait()

    async def lost(self) -> str:
        """Wait until a daemon has died, other than by :meth:`delete`."""
        return await self._died.get()

    async def close(self) -> None:
        """Hang up; the daemons go on."""
        held, self._conversations = self._conversations, {}
        for conversation in held.values():
            await conversation.ended_for_good()

    async def _set(self, device: str, action: str, request: str) -> None:
        conversation = await self._conversation(device)
        if conversation is None:
            raise CableError(f"device {device}: its {PROGRAM} is gone")
        _succeed(device, action, await conversation.ask(request))

    async def _conversation(self, device: str) -> Conversation | None:
        held = self._conversations.get(device)
        if held is not None and not held.ended.is_set():
            return held
        begun = await Conversation.begin(device, self._sockets / f"{device}.sock", self._ended)
        if begun is not None:
            self._conversations[device] = begun
        return begun

    async def _wait(self, device: str) -> None:
        """Until somebody else's daemon is there."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while await self._conversation(device) is None:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise CableError(
                f"device {device}: no {PROGRAM} is at {self._sockets / device}.sock: start it "
                f"({PROGRAM} --foreground {device}), or set options.wireguard.manage_daemon: true"
            ) from None

    def _ended(self, conversation: Conversation) -> None:
        """Tell of an end that nobody asked for."""
        if self._conversations.get(conversation.device) is conversation:
            del self._conversations[conversation.device]
            self._died.put_nowait(conversation.device)

    async def _start(self, device: str) -> tuple[int, str]:
        """Exit status and last words of the start; the daemon itself has forked by then."""
        try:
            starter = await asyncio.create_subprocess_exec(
                *self._program,
                device,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,  # errors go there, a banner to stderr
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath)},  # not ours, with its secrets
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError:
            raise CableError(
                f"implementation userspace: {self._program[0]} is not installed: "
                "apt-get install wireguard-go, or use a kernel with WireGuard"
            ) from None
        try:
            async with asyncio.timeout(START_TIMEOUT):
                said, _ = await starter.communicate()
        except TimeoutError:
            raise CableError(
                f"device {device}: {PROGRAM} did not start in {START_TIMEOUT:.0f} s"
            ) from None
        finally:
            if starter.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    starter.kill()
                await starter.wait()
        return starter.returncode or 0, said.decode("utf-8", "replace")


def _why(device: str, said: str) -> str:
    """Why a daemon did not start: its own error."""
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    reason = (
        errors[-1].rpartition("Failed to ")[2] if errors else said.strip() or "no reason given"
    )
    remedy = {
        "operation not permitted": ": the gateway needs CAP_NET_ADMIN",
        "no such file or directory": (
            ": the gateway needs /dev/net/tun; in a pod, deploy/components/wireguard-userspace"
        ),
    }.get(reason.rpartition(": ")[2], "")
    return f"device {device}: {PROGRAM} cannot {reason}{remedy}"


def _succeed(device: str, action: str, answer: str) -> None:
    code = uapi.failure(answer)
    if code:
        raise CableError(
            f"device {device}: {PROGRAM} refused to {action} it: "
            f"{os.strerror(code)} ({errno.errorcode.get(code, code)})"
        )
