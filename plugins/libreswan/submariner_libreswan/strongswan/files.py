"""The configuration of a charon of our own. Pure."""

from __future__ import annotations

from pathlib import Path

from submariner_libreswan.plane import ROUTING_PRIORITY, ROUTING_TABLE, Plane

_PLUGINS = (
    "random nonce openssl gcm kdf pem pkcs1 pkcs8 pubkey revocation x509 constraints "
    "{kernel}kernel-netlink socket-default vici updown counters"
)


def configuration(port: int, plane: Plane, socket: Path, log: Path, *, debug: bool) -> str:
    """A ``strongswan.conf`` that touches nothing of the host's.

    All that others might use stays with them: UDP 500, routes, the default vici socket. IKE and
    ESP are on ``port``, as upstream has it; charon insists on a second port, which is a random
    one that nobody is told. ``kernel-libipsec`` comes before ``kernel-netlink``, which else would
    take the ESP part too. A peer of several subnet pairs may call for all of them at once.
    """
    userspace = plane is Plane.USERSPACE
    # kernel-libipsec makes routes all the same: where they are asked last, they do no harm
    routing = ROUTING_TABLE if userspace else 0
    plugins = _PLUGINS.format(kernel="kernel-libipsec " if userspace else "")
    return f"""\
charon-systemd {{
    load = {plugins}
    port = 0
    port_nat_t = {port}
    install_routes = no
    routing_table = {routing}
    routing_table_prio = {ROUTING_PRIORITY}
    install_virtual_ip = no
    block_threshold = 64
    ikesa_table_size = 256
    ikesa_table_segments = 16
    retransmit_tries = 3
    retransmit_timeout = 2.0
    retransmit_base = 1.8
    filelog {{
        submariner {{
            path = "{log}"
            append = yes
            default = {2 if debug else 1}
            flush_line = yes
            time_format = %FT%T
        }}
    }}
    plugins {{
        vici {{
            socket = "unix://{socket}"
        }}
        kernel-libipsec {{
            load = {"yes" if userspace else "no"}
        }}
    }}
}}
"""
