"""The tunnel that somebody sets up by hand with ``wg``, between two nodes of a lab."""

from __future__ import annotations

import subprocess
from pathlib import Path

from submariner_lab import namespaces
from submariner_lab.node import Node


class ByHand:
    """Two nodes of different clusters, one device each; ``close`` removes both.

    The same kinds of keys, PSK, keepalive and MTU as the driver has, and routes. The nodes'
    packet filter, which is kube-proxy's, stays and lets the tunnel pass; ``bare`` ones have none
    at all, which is the least that a packet can cost.
    """

    def __init__(
        self, nodes: tuple[Node, Node], implementation: str, folder: Path, *, bare: bool = False
    ) -> None:
        self._nodes = nodes
        self._bare = bare
        self._implementation = implementation
        self._folder = folder

    def open(self) -> None:
        """Make devices, peers and routes."""
        secret = self._secret("psk", _wg("genpsk"))
        public = {}
        for node in self._nodes:
            private = _wg("genkey")
            public[node] = _wg("pubkey", text=private)
            key = self._secret(node.site.name, private)
            device = self._make(node)
            in_node(node, "wg", "set", device, "listen-port", "4500", "private-key", str(key))
        for node, other in (self._nodes, self._nodes[::-1]):
            device = _device(node)
            in_node(
                *(node, "wg", "set", device, "peer", public[other], "preshared-key", str(secret)),
                *("endpoint", f"{other.site.address}:4500", "persistent-keepalive", "10"),
                *("allowed-ips", str(other.site.pod_subnet)),
            )
            in_node(node, "ip", "link", "set", device, "mtu", "1420", "up")
            in_node(node, "ip", "route", "add", str(other.site.pod_subnet), "dev", device)
            in_node(node, "nft", "flush ruleset" if self._bare else "; ".join(passes(device)))

    def close(self) -> None:
        """Remove the devices, which ends their daemons."""
        for node in self._nodes:
            in_node(node, "ip", "link", "delete", _device(node))

    def _make(self, node: Node) -> str:
        device = _device(node)
        if self._implementation == "kernel":
            in_node(node, "ip", "link", "add", device, "type", "wireguard")
        else:
            in_node(node, "wireguard-go", device)
        return device

    def _secret(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n")
        return path


def passes(device: str) -> tuple[str, ...]:
    """What lets the tunnel pass, and pods keep their addresses in it."""
    return (
        "insert rule ip filter INPUT udp dport 4500 accept",
        f"insert rule ip filter FORWARD iifname {device} accept",
        f"insert rule ip filter FORWARD oifname {device} accept",
        f"insert rule ip nat POSTROUTING oifname {device} accept",
        f"insert rule ip nat POSTROUTING iifname {device} accept",
    )


def _device(node: Node) -> str:
    """Its name, which is its socket's as well: those of all namespaces are in one folder."""
    return f"byhand-{node.site.name}"


def in_node(node: Node, *command: str) -> None:
    """Run a command there; a daemon keeps its output open, which is not waited for."""
    subprocess.run(
        ("ip", "netns", "exec", node.site.netns, *command),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=20,
    )


def _wg(command: str, text: str = "") -> str:
    return namespaces.run(("wg", command), text).strip()
