"""The packet filter, through the program ``nft`` and its JSON.

A family is nft's word (``inet``, ``ip``). Failures are :class:`KernelError`.
"""

from __future__ import annotations

from submariner_core.kernel.nft.rules import ensure_first_rule, ensure_first_rules, remove_rules
from submariner_core.kernel.nft.table import counters, delete_table, list_table, replace_table

__all__ = [
    "counters",
    "delete_table",
    "ensure_first_rule",
    "ensure_first_rules",
    "list_table",
    "remove_rules",
    "replace_table",
]
