"""Cables over kernel VXLAN, interoperable with upstream's."""
