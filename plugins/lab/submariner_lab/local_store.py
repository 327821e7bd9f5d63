"""A store of the ``local`` plugin: ``submariner store serve``."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from submariner_lab.blueprint import STORE_PORT
from submariner_lab.program import program
from submariner_lab.store import Store


class LocalStore(Store):
    """One SQLite file behind a small HTTP server."""

    transport = election = "local"

    @property
    def database(self) -> Path:
        """The file with everything in it."""
        return self.folder / "store.db"

    def command(self) -> Sequence[str]:
        """See :meth:`Store.command`."""
        return (
            program(), "store", "serve",
            "--listen", f"{self.site.address}:{STORE_PORT}",
            "--database", str(self.database),
            "--token-file", str(self._token),
        )  # fmt: skip

    def prepare(self) -> None:
        """Make the token."""
        self._token.touch(mode=0o600)
        self._token.write_text(secrets.token_hex(16) + "\n")

    def lose(self) -> None:
        """See :meth:`Store.lose`."""
        for path in self.folder.glob(f"{self.database.name}*"):
            path.unlink()

    def options(self) -> dict[str, object]:
        """See :meth:`Store.options`."""
        return {
            "url": f"http://{self.site.address}:{STORE_PORT}",
            "token_file": str(self._token),
        }

    async def ready(self) -> bool:
        """It serves in no time, and whoever comes first tries again."""
        return True

    def direct_options(self) -> dict[str, object]:
        """See :meth:`Store.direct_options`: the file, which answers while the server does not."""
        return {"path": str(self.database)}

    @property
    def _token(self) -> Path:
        return self.folder / "token"
