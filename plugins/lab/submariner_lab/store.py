"""A store of a lab: ``submariner store serve`` in a namespace of its own."""

from __future__ import annotations

import secrets
from pathlib import Path

from submariner_lab import namespaces, topology
from submariner_lab.blueprint import STORE_PORT, Blueprint, Member
from submariner_lab.node import program
from submariner_lab.process import Process


class Store:
    """The broker, or one cluster's datastore and lease store."""

    def __init__(self, blueprint: Blueprint, site: Member, folder: Path) -> None:
        self.site = site
        self.folder = folder / site.name
        self._blueprint = blueprint
        self._token = self.folder / "token"
        self.database = self.folder / "store.db"
        self.process = Process(
            f"store {site.name}",
            site.netns,
            (
                program(), "store", "serve",
                "--listen", f"{site.address}:{STORE_PORT}",
                "--database", str(self.database),
                "--token-file", str(self._token),
            ),
            self.folder / "store.log",
            host_name=site.name,
            run_dir=self.folder / "run",
        )  # fmt: skip

    def build(self) -> None:
        """Make the namespace and the token."""
        namespaces.batch(topology.member_root(self._blueprint, self.site))
        namespaces.batch(topology.port_lines(self.site), self._blueprint.wan_netns)
        namespaces.batch(topology.member_lines(self.site), self.site.netns)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._token.touch(mode=0o600)
        self._token.write_text(secrets.token_hex(16) + "\n")

    def wipe(self) -> None:
        """Stop it, lose every record and start it again empty."""
        self.process.kill()
        for path in self.folder.glob(f"{self.database.name}*"):
            path.unlink()
        self.process.start()
