"""What a user may set under ``options.route``."""

from __future__ import annotations

from pydantic import Field, field_validator

from submariner_core.api.info import Options


class KubeProxyOptions(Options):
    """Options of the route driver ``kubeproxy``.

    ``mss`` fixes the TCP segment size in bytes; without it, it follows the path. ``mark`` is the
    one packet mark bit that the accept rules look for: another one than kube-proxy's (0x4000,
    0x8000) and the CNI's.
    """

    mss: int | None = Field(default=None, ge=536, le=65495)
    mark: int = Field(default=0x2000, ge=1, le=0x80000000)

    @field_validator("mark")
    @classmethod
    def _one_free_bit(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError(f"is {value:#x}, which is more than one bit")
        if value in {0x4000, 0x8000}:
            raise ValueError(f"is {value:#x}, which kube-proxy uses")
        return value
