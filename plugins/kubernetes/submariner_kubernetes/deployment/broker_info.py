"""The file that ``deploy-broker`` writes and ``join`` and ``leave`` read."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import SecretStr
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from submariner_core.api.errors import SubmarinerError
from submariner_kubernetes.options import KubernetesOptions


class BrokerInfoError(SubmarinerError):
    """The file is not one that ``deploy-broker`` wrote."""


@dataclass(frozen=True, slots=True)
class BrokerInfo:
    """How to reach a broker as the account that makes the clusters' accounts.

    ``ca`` is PEM. Whoever holds the token may make and remove clusters at the broker; ``psk`` is
    what encrypted cables of the cluster set share.
    """

    url: str
    namespace: str
    ca: str
    token: str = field(repr=False)
    psk: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises :class:`BrokerInfoError`."""
        try:
            found = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
            return cls(**{name: str(found[name]) for name in cls.__slots__})
        except (OSError, UnicodeError) as error:
            raise BrokerInfoError(f"{path}: cannot be read: {error}") from None
        except (YAMLError, KeyError, TypeError):
            raise BrokerInfoError(
                f"{path}: not what `submariner deploy-broker` writes: make it again"
            ) from None

    def write(self, path: Path) -> None:
        """Write for the owner's eyes only."""
        page = io.StringIO()
        YAML(typ="rt", pure=True).dump({n: getattr(self, n) for n in self.__slots__}, page)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page.getvalue())

    def options(self) -> KubernetesOptions:
        """Options of the broker for this account."""
        return KubernetesOptions(
            url=self.url, namespace=self.namespace, ca=self.ca, token=SecretStr(self.token)
        )
