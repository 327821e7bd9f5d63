"""Ends a daemon right after a given thing that it did to its kernel, its disk or its stores.

Found through ``PYTHONPATH`` by the processes of a lab, which are what they are without it; see
:mod:`tests.integration.crash`. A daemon notes all that it does in ``$SUBMARINER_DOOM/<daemon>
<node>.log``, a line each, and ends itself by SIGKILL after what the file ``<daemon> <node>``
there names: the number of a line, or the text of one.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from pathlib import Path
from typing import Any


class Doom:
    """One daemon's."""

    def __init__(self, folder: Path, daemon: str) -> None:
        order = folder / daemon
        self._order = order.read_text() if order.exists() else ""
        self._log = (folder / f"{daemon}.log").open("w", buffering=1)
        self._count = 0

    def done(self, what: str) -> None:
        """This is done: note it, and die if it is time."""
        self._count += 1
        self._log.write(what + "\n")
        if self._order in (str(self._count), what):
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, owner: Any, name: str, describe: Any) -> None:
        """Have ``done`` told after each call of ``owner.name`` that ``describe`` has words for."""
        real = getattr(owner, name)

        if inspect.iscoroutinefunction(real):

            @functools.wraps(real)
            async def call(*arguments: Any, **keywords: Any) -> Any:
                result = await real(*arguments, **keywords)
                self._tell(describe(result, *arguments, **keywords))
                return result
        else:

            @functools.wraps(real)
            def call(*arguments: Any, **keywords: Any) -> Any:
                result = real(*arguments, **keywords)
                self._tell(describe(result, *arguments, **keywords))
                return result

        setattr(owner, name, call)

    def _tell(self, what: str | None) -> None:
        if what:
            self.done(what)


def place(transport: Any) -> str:
    """Which store a transport of the lab leads to."""
    (address,) = transport.addresses
    return "broker" if str(address).startswith("172.31.250.") else "datastore"


def lease(stored: Any, before: Any, new: Any) -> str | None:
    """What a swap of the lease has done; a renewal is none, they would come for ever."""
    if stored is None:
        return None
    if not new.holder:
        return "release the lease"
    if new.successor and (before is None or new.successor != before.successor):
        return "name a successor"
    if before is None or (before.holder, before.epoch) != (new.holder, new.epoch):
        return "take the lease"
    return None


def install(doom: Doom) -> None:
    """Every way in which a daemon of the lab changes anything outside itself."""
    from submariner_local.http.store import HttpLeaseStore, HttpTransport
    from submariner_vxlan.roster import Roster

    from submariner_core.kernel import sysctl
    from submariner_core.kernel.netlink import Netlink
    from submariner_core.kernel.nft import program

    doom.after(
        Netlink,
        "change",
        lambda _r, _s, _noun, _verb, *_a, name, action, **_k: f"{action} {name}",
    )
    doom.after(
        program, "_run", lambda _r, _w, document, name, action: document and f"{action} {name}"
    )
    doom.after(sysctl.Path, "write_text", lambda _r, path, *_a, **_k: f"write {path.name}")
    doom.after(Roster, "save", lambda _r, *_a: "save the roster")
    doom.after(HttpTransport, "put", lambda _r, s, record, _f: f"put {record.ref} at {place(s)}")
    doom.after(HttpTransport, "delete", lambda _r, s, ref, _f: f"delete {ref} at {place(s)}")
    doom.after(HttpLeaseStore, "swap", lambda stored, _s, old, new: lease(stored, old, new))


def daemon() -> str | None:
    """Which daemon of which node this process is; ``None`` for every other program."""
    words = sys.orig_argv
    named = [word for word in words if word in ("gateway", "route-agent")]
    if len(named) != 1 or words[-2] != "--config":
        return None
    return f"{named[0]} {Path(words[-1]).parent.name}"


if "SUBMARINER_DOOM" in os.environ and (found := daemon()) is not None:
    install(Doom(Path(os.environ["SUBMARINER_DOOM"]), found))
