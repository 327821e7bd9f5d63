"""Cables over WireGuard, interoperable with upstream's."""
