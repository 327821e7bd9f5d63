"""The options of the ``local`` plugin: the same model for datastore, broker and election."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from submariner_core.api.info import Options


class LocalOptions(Options):
    """Either ``path``, a file of this machine, or ``url``, a store server, with its token.

    ``timeout`` is in seconds: how long to wait for another process's lock on the file, or for an
    answer of the server. Lease calls never wait longer than 1 s.
    """

    path: Path | None = None
    url: str | None = None
    token: SecretStr | None = None
    token_file: Path | None = None
    timeout: float = Field(default=2.0, gt=0, le=60)

    @field_validator("url")
    @classmethod
    def _is_a_server(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment or parts.username)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
            raise ValueError("expected http://HOST:PORT")
        _ = parts.port  # ValueError for a port that is none
        return url

    @model_validator(mode="after")
    def _is_one_store(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError(
                "give exactly one of path (a file of this machine) and url (a store server)"
            )
        tokens = (self.token is not None) + (self.token_file is not None)
        if self.url is not None and tokens != 1:
            raise ValueError("a url needs exactly one of token_file and token")
        if self.path is not None and tokens:
            raise ValueError("a path takes no token; the file's own permissions guard it")
        return self

    @property
    def lease_timeout(self) -> float:
        """Seconds for a lease call: short, since a holder must know early that it cannot renew."""
        return min(self.timeout, 1.0)
