"""The options of the plugin: one model for datastore, broker and election."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from submariner_core.api.info import Options

_WITH_URL = ("credentials", "token", "token_file", "ca", "ca_file", "insecure", "proxy")


class KubernetesOptions(Options):
    """How an API server is reached: ``url``, else ``kubeconfig``, else as any pod reaches its own.

    ``credentials`` is a folder as Kubernetes mounts a Secret: ``token`` and ``ca.crt``, perhaps
    ``namespace``. What it lacks is taken from ``token`` or ``token_file`` and ``ca`` (PEM) or
    ``ca_file``. Token files are read again as they change. ``timeout`` is in seconds, for an
    answer; lease calls never wait longer than 1 s.
    """

    url: str | None = None
    namespace: str | None = Field(default=None, pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
    credentials: Path | None = None
    token: SecretStr | None = None
    token_file: Path | None = None
    ca: str | None = None
    ca_file: Path | None = None
    insecure: bool = False
    proxy: str | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    timeout: float = Field(default=5.0, gt=0, le=60)

    @field_validator("url", "proxy")
    @classmethod
    def _is_a_server(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("expected https://HOST:PORT")
        _ = parts.port  # ValueError for a port that is none
        return url.rstrip("/")

    @model_validator(mode="after")
    def _is_one_server(self) -> Self:
        if self.url is not None and self.kubeconfig is not None:
            raise ValueError("give url or kubeconfig, not both; neither inside a pod")
        if self.kubeconfig is None and self.context is not None:
            raise ValueError("context chooses within a kubeconfig: give that too")
        given = [name for name in _WITH_URL if getattr(self, name)]
        if self.url is None and given:
            raise ValueError(f"{given[0]} belongs to a url: give that too")
        if self.url is not None and self.url.startswith("http://") and not self.insecure:
            raise ValueError("an http url sends the token in clear: use https, or insecure: true")
        return self

    @property
    def lease_timeout(self) -> float:
        """Seconds for a lease call: short, since a holder must know early that it cannot renew."""
        return min(self.timeout, 1.0)
