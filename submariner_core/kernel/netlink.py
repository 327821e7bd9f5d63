"""One rtnetlink socket: requests in turn, each with a time limit, errors in words."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Mode, Noun, Verb

Attributes = Iterable[tuple[str, Any]]

GONE = frozenset({errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.ENXIO, errno.EADDRNOTAVAIL})
"""What deleting something answers when it is not there."""

_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_INTERRUPTED = 0x10
_DUMP_ATTEMPTS = 5


class Netlink:
    """A socket in the network namespace of the thread that uses it first.

    A request that times out or breaks the socket costs the socket: the next one opens another.
    """

    def __init__(self, timeout: float = 5.0) -> None:
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._socket: Any = None  # an AsyncIPRSocket, which is untyped

    async def close(self) -> None:
        """Release the socket; a later request opens one again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            await asyncio.sleep(0)  # lets the transport finish

    async def change(
        self,
        noun: Noun,
        verb: Verb,
        fields: Mapping[str, int],
        attributes: Attributes = (),
        *,
        mode: Mode = Mode.SET,
        name: str,
        action: str,
    ) -> None:
        """Ask for one change. ``name`` and ``action`` are for the error's text."""
        flags = _REQUEST | _ACK | mode
        await self._turn(noun, verb, flags, fields, attributes, name, action)

    async def get(
        self,
        noun: Noun,
        fields: Mapping[str, int],
        attributes: Attributes = (),
        *,
        name: str,
        action: str = "read",
    ) -> Message | None:
        """One object, or ``None`` when it does not exist."""
        flags = _REQUEST | _ACK
        try:
            found = await self._turn(noun, Verb.GET, flags, fields, attributes, name, action)
        except KernelError as error:
            if error.errno in GONE:
                return None
            raise
        return found[0] if found else None

    async def dump(
        self,
        noun: Noun,
        fields: Mapping[str, int],
        attributes: Attributes = (),
        *,
        name: str,
        containing: bytes = b"",
    ) -> Sequence[Message]:
        """All objects that the kernel's own filter lets through; a torn listing is read again.

        With ``containing``, only messages with these bytes in them, an address for example: a
        sieve, not a match. Decoding costs some 0.1 ms a message, the sieve next to nothing.
        """
        flags = _REQUEST | _DUMP
        attributes = tuple(attributes)
        found: Sequence[Message] = ()
        for _ in range(_DUMP_ATTEMPTS):
            found = await self._turn(
                noun, Verb.GET, flags, fields, attributes, name, "list", containing
            )
            if not any(message.flags & _INTERRUPTED for message in found):
                return found
        raise KernelError(name, "list", errno.EAGAIN, "it kept changing while it was read")

    async def _turn(
        self,
        noun: Noun,
        verb: Verb,
        flags: int,
        fields: Mapping[str, int],
        attributes: Attributes,
        name: str,
        action: str,
        containing: bytes = b"",
    ) -> Sequence[Message]:
        from submariner_core.kernel import declarations

        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout):
                    if self._socket is None:
                        self._socket = declarations.open_socket()
                    request: Any = declarations.request(
                        self._socket, noun, verb, flags, fields, attributes, containing
                    )
                    await request.send()
                    answers = [answer async for answer in request.response()]
                    return [Message(a) for a in answers if a["header"]["type"] == noun]
            except TimeoutError:
                await self.close()
                raise KernelError(name, action, errno.ETIMEDOUT) from None
            except OSError as error:
                await self.close()
                raise KernelError(name, action, error.errno or errno.EIO) from error
            except asyncio.CancelledError:
                await self.close()
                raise
            except declarations.NetlinkError as error:
                raise KernelError(name, action, error.code, str(error.args[1])) from None
