"""The IPsec tunnel that somebody sets up by hand, between two nodes of a lab."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import vici
from by_hand import in_node, passes
from submariner_lab import ipsec
from submariner_lab.node import Node
from submariner_libreswan.options import ESP, IKE
from submariner_libreswan.plane import OVERHEAD, Plane
from submariner_libreswan.strongswan.files import configuration

PREFIX = ("unshare", "--mount", "--propagation", "private", *ipsec.entry())
TUN, TUN_MTU = "ipsec0", 1400
PORT = 4500
MTU = 1500 - OVERHEAD


class StaticSAs:
    """Two SAs and their policies in the kernel, by ``ip xfrm``; ``close`` removes them.

    The cipher, the MTU and the packet filter are the driver's; there is no IKE, and no device.
    """

    def __init__(self, nodes: tuple[Node, Node], *, bare: bool = False) -> None:
        self._nodes = nodes
        self._bare = bare

    def open(self) -> None:
        """Make SAs, policies and routes."""
        for spi, (source, sink) in enumerate((self._nodes, self._nodes[::-1]), 0x5AB1):
            key = f"0x{secrets.token_hex(36)}"
            for node in self._nodes:
                state = f"{_ends(source, sink)} proto esp spi {spi:#x} mode tunnel"
                aead = ("aead", "rfc4106(gcm(aes))", key, "128")
                in_node(node, *f"ip xfrm state add {state}".split(), *aead)
                for way in ("out",) if node is source else ("in", "fwd"):
                    in_node(node, *f"ip xfrm policy add {_policy(source, sink, way)}".split())
            pods = str(sink.site.pod_subnet)
            route = f"ip route add {pods} via {sink.site.address} mtu {MTU}"
            in_node(source, *route.split())
            in_node(source, "nft", "flush ruleset" if self._bare else "; ".join(_esp_passes(pods)))

    def close(self) -> None:
        """Remove all of it."""
        for node, other in (self._nodes, self._nodes[::-1]):
            in_node(node, "ip", "xfrm", "policy", "flush")
            in_node(node, "ip", "xfrm", "state", "flush")
            in_node(node, "ip", "route", "delete", str(other.site.pod_subnet))


class Charons:
    """A charon on each node that encrypts by itself, and one connection; ``close`` ends them."""

    def __init__(self, nodes: tuple[Node, Node], folder: Path, *, bare: bool = False) -> None:
        self._nodes = nodes
        self._folder = folder
        self._bare = bare
        self._running: list[subprocess.Popen[bytes]] = []

    def open(self) -> None:
        """Start both, connect, and route."""
        for node in self._nodes:
            in_node(node, "nft", "flush ruleset" if self._bare else "; ".join(passes(TUN)))
        sessions = [self._start(node) for node in self._nodes]
        for session, (node, other) in zip(sessions, (self._nodes, self._nodes[::-1]), strict=True):
            session.request("load-shared", {"type": "IKE", "data": "a benchmark's"})
            session.request("load-conn", {"cable": _connection(node, other)})
        list(sessions[0].streamed_request("initiate", "control-log", {"child": "pods"}))
        for node, other in (self._nodes, self._nodes[::-1]):
            route = f"ip route add {other.site.pod_subnet} dev {TUN} mtu {TUN_MTU}"
            in_node(node, *route.split())
            for name, value in (("rp_filter", 2), ("forwarding", 1)):
                in_node(node, "sysctl", "-qw", f"net.ipv4.conf.{TUN}.{name}={value}")

    def close(self) -> None:
        """End both."""
        for process in self._running:
            process.terminate()
            process.wait(20)

    def _start(self, node: Node) -> vici.Session:
        folder = self._folder / node.site.name
        folder.mkdir()
        path, conf, log = (folder / name for name in ("vici", "strongswan.conf", "log"))
        conf.write_text(configuration(PORT, Plane.USERSPACE, path, log, debug=False))
        words = ("ip", "netns", "exec", node.site.netns, *PREFIX, "env", f"STRONGSWAN_CONF={conf}")
        silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._running.append(subprocess.Popen((*words, "charon-systemd"), **silent))
        deadline = time.monotonic() + 20
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
            except OSError:
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return vici.Session(connection)


def _connection(node: Node, other: Node) -> dict[str, Any]:
    here, there = str(node.site.address), str(other.site.address)
    return {
        "version": "2",
        "local_addrs": [here],
        "remote_addrs": [there],
        "local_port": str(PORT),
        "remote_port": str(PORT),
        "proposals": list(IKE),
        "local": {"auth": "psk", "id": here},
        "remote": {"auth": "psk", "id": there},
        "children": {
            "pods": {
                "local_ts": [str(node.site.pod_subnet)],
                "remote_ts": [str(other.site.pod_subnet)],
                "esp_proposals": list(ESP),
            }
        },
    }


def _ends(source: Node, sink: Node) -> str:
    return f"src {source.site.address} dst {sink.site.address}"


def _policy(source: Node, sink: Node, way: str) -> str:
    pods = f"src {source.site.pod_subnet} dst {sink.site.pod_subnet}"
    return f"{pods} dir {way} tmpl {_ends(source, sink)} proto esp mode tunnel"


def _esp_passes(pods: str) -> tuple[str, ...]:
    """What lets the tunnel pass, and pods keep their addresses in it."""
    return (
        "insert rule ip filter INPUT ip protocol esp accept",
        f"insert rule ip filter FORWARD ip saddr {pods} accept",
        f"insert rule ip filter FORWARD ip daddr {pods} accept",
        f"insert rule ip nat POSTROUTING ip daddr {pods} accept",
        f"insert rule ip nat POSTROUTING ip saddr {pods} accept",
    )
