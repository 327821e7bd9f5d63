"""Which distribution brings a name, for the names this project ships."""

from __future__ import annotations

from collections.abc import Mapping

from submariner_core.api.info import Role

COMMAND_GROUP = "submariner.command"
"""Entry points here add commands: the name is the command's, the value a plugin module."""

GROUPS = (*(role.group for role in Role), COMMAND_GROUP)
"""Every entry-point group of this project."""

FIRST_PARTY: Mapping[tuple[str, str], str] = {
    (Role.CABLE.group, "vxlan"): "submariner-vxlan",
    (Role.CABLE.group, "wireguard"): "submariner-wireguard",
    (Role.CABLE.group, "libreswan"): "submariner-libreswan",
    (Role.ELECTION.group, "k8s-lease"): "submariner-kubernetes",
    (Role.ELECTION.group, "etcd"): "submariner-etcd",
    (Role.ELECTION.group, "local"): "submariner-local",
    (Role.BROKER.group, "k8s"): "submariner-kubernetes",
    (Role.BROKER.group, "etcd"): "submariner-etcd",
    (Role.BROKER.group, "local"): "submariner-local",
    (Role.ROUTE.group, "kubeproxy"): "submariner-kubeproxy",
    (COMMAND_GROUP, "demo"): "submariner-lab",
    (COMMAND_GROUP, "failover"): "submariner-lab",
    (COMMAND_GROUP, "store"): "submariner-local",
    (COMMAND_GROUP, "libreswan"): "submariner-libreswan",
    (COMMAND_GROUP, "wireguard"): "submariner-wireguard",
}
"""``(entry-point group, name)`` to the distribution to install."""


def known_names(group: str) -> tuple[str, ...]:
    """The names of a group that this project ships, installed or not."""
    return tuple(name for where, name in FIRST_PARTY if where == group)


def install_hint(group: str, name: str) -> str:
    """``pip install submariner-x`` for a name of ours, otherwise empty."""
    distribution = FIRST_PARTY.get((group, name))
    return f"pip install {distribution}" if distribution else ""
