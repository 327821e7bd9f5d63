"""The version of the plugin API, apart from the version of any distribution."""

from __future__ import annotations

API_VERSION: tuple[int, int] = (1, 0)
"""``(major, minor)``.

The minor rises when a hook, an optional argument or a method with a default body is added; the
major for anything else. A plugin loads when its major is equal and its minor is not above ours.
"""
