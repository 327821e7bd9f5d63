"""A real process in a namespace: started, signalled by pid and waited for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from submariner_lab.errors import LabError, LabTimeout

ENTER = 'hostname "$1" && mount --bind "$2" /run && shift 2 && exec "$@"'
"""A host name and a /run of its own; ``ip netns exec`` has given it a mount namespace."""


class Process:
    """One program of a node (or pod, or store), which may be started again after its end.

    ``host_name`` and ``run_dir`` make it see a machine of its own; a program of a pod or the wan
    does without. stdout and stderr are appended to ``log``.
    """

    def __init__(
        self,
        name: str,
        netns: str,
        command: Sequence[str],
        log: Path,
        *,
        host_name: str | None = None,
        run_dir: Path | None = None,
    ) -> None:
        self.name = name
        self.netns = netns
        self.command = tuple(command)
        self.log = log
        self._host_name = host_name
        self._run_dir = run_dir
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises :class:`LabError` when it was never started."""
        if self._popen is None:
            raise LabError(f"{self.name} was not started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended (a stopped process is running)."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Its exit status (negative: the signal that ended it), or ``None`` while it runs."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Start it, in a process group of its own. Raises :class:`LabError` if it runs."""
        if self.running:
            raise LabError(f"{self.name} already runs as pid {self.pid}")
        command = ["ip", "netns", "exec", self.netns]
        if self._host_name is not None and self._run_dir is not None:
            self._run_dir.mkdir(parents=True, exist_ok=True)
            command += ["unshare", "--uts", "sh", "-c", ENTER, "sh"]
            command += [self._host_name, str(self._run_dir)]
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*command, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group; one that has ended is fine."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and its end awaited (which is at once)."""
        self.signal(signal.SIGKILL)
        self.reap()

    def reap(self) -> None:
        """Collect the exit status of one that was killed by others."""
        if self._popen is not None:
            self._popen.wait(timeout=5)

    def terminate(self) -> None:
        """SIGTERM."""
        self.signal(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: it hangs."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    @contextlib.asynccontextmanager
    async def starved(self, hang: float, run: float) -> AsyncIterator[None]:
        """Meanwhile it gets the CPU for ``run`` seconds after every ``hang`` seconds without."""

        async def pulse() -> None:
            while True:
                self.freeze()
                await asyncio.sleep(hang)
                self.thaw()
                await asyncio.sleep(run)

        pulses = asyncio.create_task(pulse())
        try:
            yield
        finally:
            pulses.cancel()
            await asyncio.gather(pulses, return_exceptions=True)
            self.thaw()

    async def wait(self, timeout: float = 10.0) -> int:
        """Its exit status, once it ends. Raises :class:`LabTimeout`."""
        deadline = asyncio.get_running_loop().time() + timeout
        while (status := self.exit_status) is None:
            if asyncio.get_running_loop().time() > deadline:
                raise LabTimeout(f"{self.name} (pid {self.pid}) did not end within {timeout:g} s")
            await asyncio.sleep(0.01)
        return status

    async def restart(self, *, kill: bool = False, timeout: float = 30.0) -> None:
        """End it (by SIGTERM, or ``kill`` by SIGKILL) and start it again."""
        if kill:
            self.kill()
        else:
            self.terminate()
            await self.wait(timeout)
        self.start()

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
