"""The options of the plugin: one model for datastore, broker and election."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from submariner_core.api.info import Options


class EtcdOptions(Options):
    """How an etcd is reached: the client URLs of its members, and what authenticates to it.

    All keys are below ``prefix``. ``ca_file`` replaces the system's authorities; ``cert_file`` and
    ``key_file`` are a client certificate (PEM). ``timeout`` is in seconds, for an answer; lease
    calls never wait longer than 1 s.
    """

    endpoints: tuple[str, ...] = Field(min_length=1)
    prefix: str = Field(default="/submariner", pattern=r"^/[!-~]*[!-.0-~]$")
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str | None = Field(default=None, min_length=1)
    password_file: Path | None = None
    timeout: float = Field(default=3.0, gt=0, le=60)

    @field_validator("endpoints")
    @classmethod
    def _are_servers(cls, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        for url in endpoints:
            parts = urlsplit(url)
            plain = parts.path in {"", "/"} and not (parts.query or parts.username)
            if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
                raise ValueError(f"expected https://HOST:PORT, not {url!r}")
            _ = parts.port  # ValueError for a port that is none
        if len({urlsplit(url).scheme for url in endpoints}) > 1:
            raise ValueError("either all endpoints are https or none is")
        return tuple(url.rstrip("/") for url in endpoints)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or neither")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together: give both or neither")
        if not self.secure and (self.ca_file or self.cert_file):
            raise ValueError("ca_file and cert_file are for https endpoints")
        return self

    @property
    def secure(self) -> bool:
        """Whether it is reached over TLS."""
        return self.endpoints[0].startswith("https:")

    @property
    def lease_timeout(self) -> float:
        """Seconds for a lease call: short, since a holder must know early that it cannot renew."""
        return min(self.timeout, 1.0)
