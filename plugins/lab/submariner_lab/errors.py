"""What goes wrong in a lab."""

from __future__ import annotations

from submariner_core.api.errors import SubmarinerError


class LabError(SubmarinerError):
    """The lab cannot be built or used; the message says what is missing."""


class LabTimeout(LabError):
    """A condition did not come true in time."""
