"""A slow way through the wan.

The kernel need not know netem: a port's egress hands the frames in question to a TAP, the program
at its other end holds them for a while, and gives them back to the bridge through the same TAP,
marked, so that they pass. All other faults act on them before, under the ports that they came by.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from submariner_lab import hold, namespaces, topology
from submariner_lab.blueprint import Member
from submariner_lab.errors import LabTimeout
from submariner_lab.process import Process

HELD = 0x510
"""The mark of a frame that has been held."""
START = 5.0
POLL = 0.01


class Wire:
    """The TAP ``device`` in the wan, and the program that holds frames for ``delay`` seconds."""

    def __init__(self, netns: str, device: str, delay: float, folder: Path) -> None:
        self.device = device
        self._netns = netns
        self.process = Process(
            f"wire {device}",
            netns,
            (sys.executable, "-I", hold.__file__, device, str(delay)),
            folder / f"{device}.log",
        )

    def build(self) -> None:
        """Make the TAP a port of the bridge that gets nothing by itself. Ready on return.

        Raises :class:`LabTimeout` when the program does not take hold of it.
        """
        port = f"link set {self.device} type bridge_slave"
        lines = (
            f"tuntap add {self.device} mode tap",
            f"link set {self.device} master {topology.BRIDGE}",
            f"{port} learning off flood off mcast_flood off bcast_flood off",
            f"link set {self.device} up",
        )
        namespaces.batch(lines, self._netns)
        self.process.start()
        deadline = time.monotonic() + START
        while not self._attached():
            if time.monotonic() > deadline:
                raise LabTimeout(f"{self.process.name}: not so after {START:g} s")
            time.sleep(POLL)

    def remove(self) -> None:
        """End the program, which gives back what it holds, and take the TAP away."""
        self.process.terminate()
        self.process.reap()
        namespaces.batch((f"link delete {self.device}",), self._netns)

    def _attached(self) -> bool:
        show = ("ip", "-n", self._netns, "-j", "link", "show", self.device)
        (link,) = json.loads(namespaces.run(show))
        return "LOWER_UP" in link["flags"]

    def marking(self) -> str:
        """The chain that marks what comes back."""
        return f"""
    chain from-{self.device} {{
        type filter hook ingress device "{self.device}" priority 0; policy accept;
        meta mark set {HELD}
    }}"""

    def rule(self, sources: Iterable[Member]) -> str:
        """The rule for a port's egress that hands over what these members sent."""
        addresses = ", ".join(str(member.address) for member in sources)
        return f'meta mark != {HELD} ip saddr {{ {addresses} }} fwd to "{self.device}"'


def egress(port: str, rules: Iterable[str]) -> str:
    """The chain of a port with such rules."""
    body = "\n".join(f"        {rule}" for rule in rules)
    return f"""
    chain to-{port} {{
        type filter hook egress device "{port}" priority 0; policy accept;
{body}
    }}"""
