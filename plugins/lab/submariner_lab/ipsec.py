"""The IPsec daemons that ``.ci/ipsec`` unpacked beside this interpreter, and how they are run."""

from __future__ import annotations

import sys
from pathlib import Path

UNPACKED = Path(sys.prefix, "ipsec")

ENTER = """
for folder in strongswan/usr/lib/ipsec libreswan/usr/libexec/ipsec; do
    [ -d "$1/$folder" ] || continue
    point=/${folder#*/}
    { [ -d "$point" ] || mkdir -p "$point"; } && mount --bind "$1/$folder" "$point" || exit
done
PATH=$1/strongswan/usr/sbin:$1/libreswan/usr/sbin:$PATH
shift
exec "$@"
"""
"""Their programs where they were compiled to be, in the mount namespace that this runs in."""


def entry() -> tuple[str, ...]:
    """Words to put before a command, so that it finds charon and pluto as if installed.

    To be used in a mount namespace of its own. No words where none was unpacked: the system's own
    need no help.
    """
    return ("sh", "-c", ENTER, "sh", str(UNPACKED)) if UNPACKED.is_dir() else ()
