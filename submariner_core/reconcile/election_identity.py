"""What the holder string of a lease says: ``<hostname>_<first 8 of boot id>_<8 random>``."""

from __future__ import annotations


def compose_identity(hostname: str, boot_id: str, random: str) -> str:
    """The identity of one gateway process; 8 characters each of boot id and random part count."""
    return f"{hostname}_{boot_id.replace('-', '')[:8]}_{random[:8]}"


def host_of(identity: str) -> str:
    """The host part of an identity; a string of another form (upstream's) is its own host."""
    parts = identity.rsplit("_", 2)
    return parts[0] if len(parts) == 3 else identity


def is_ours(identity: str) -> bool:
    """Whether a holder string has the form of ours; upstream's has not."""
    parts = identity.rsplit("_", 2)
    return len(parts) == 3 and all(len(part) == 8 for part in parts[1:])


def names(entry: str, identity: str) -> bool:
    """Whether ``entry``, an identity or a bare host name, means this gateway process."""
    return bool(entry) and entry in (identity, host_of(identity))
