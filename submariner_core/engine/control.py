"""A socket in the state folder through which commands on the same host speak to the gateway.

One JSON object a line each way. Only root can reach it: the state folder is root's alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from submariner_core.api.errors import SubmarinerError

Answer = Mapping[str, Any]
Command = Callable[[Mapping[str, Any]], Awaitable[Answer]]

LONGEST = 64 * 1024
SOCKET = "gateway.sock"

log = structlog.get_logger("submariner.gateway")


class ControlError(SubmarinerError):
    """No gateway answers here, or it refused."""


class Control:
    """Serves named commands. A command that raises answers with its error; nothing else stops."""

    def __init__(self, state_dir: Path, commands: Mapping[str, Command]) -> None:
        self._path = state_dir / SOCKET
        self._commands = commands

    async def run(self) -> None:
        """Serve until cancelled."""
        self._path.unlink(missing_ok=True)  # whoever holds the host's lock owns the name
        server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST)
        self._path.chmod(0o600)
        try:
            async with server:
                await server.serve_forever()
        finally:
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                line = await reader.readline()
            answer = await self._answer(line)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (TimeoutError, ValueError, OSError) as error:
            log.debug("control-lost", reason=str(error))
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
            command = self._commands[request["command"]]
        except (ValueError, KeyError, TypeError):
            return {"error": f"not a command; known: {', '.join(sorted(self._commands))}"}
        try:
            return await command(request)
        except SubmarinerError as error:
            return {"error": str(error)}


async def ask(state_dir: Path, command: str, timeout: float = 60.0, **arguments: object) -> Answer:
    """Ask this host's gateway. Raises :class:`ControlError` if none answers, or it refuses."""
    path = state_dir / SOCKET
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST)
            try:
                writer.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
                answer = json.loads(await reader.readline() or b"{}")
            finally:
                writer.close()
    except (OSError, ValueError) as error:
        raise ControlError(f"no gateway answers at {path}: is one running here?") from error
    except TimeoutError:
        raise ControlError(f"the gateway did not answer within {timeout:.0f} s") from None
    if not isinstance(answer, dict) or "error" in answer or not answer:
        reason = answer.get("error") if isinstance(answer, dict) else None
        raise ControlError(str(reason or "the gateway closed the connection"))
    return answer
