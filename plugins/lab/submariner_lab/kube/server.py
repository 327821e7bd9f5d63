"""How an API server is started: its files and command line."""

from __future__ import annotations

import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from submariner_lab.kube.assets import Assets

ADMIN = "admin"
AUDITED = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["ResponseStarted", "ResponseComplete", "Panic"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}
"""Each request once, as it arrives: a watch is answered for minutes."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One API server, with RBAC and an administrator; ``name`` is its part of the etcd."""

    assets: Assets
    folder: Path
    name: str
    etcd_url: str
    address: str
    port: int
    services: str = "10.96.0.0/16"

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"https://{self.address}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate that the server makes for itself when it first starts, and its CA."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def token_file(self) -> Path:
        """The administrator's token."""
        return self.folder / "admin.token"

    def prepare(self) -> None:
        """Make what it reads at its start; what is there already stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.token_file.exists():
            return
        token = secrets.token_hex(16)
        (self.folder / "audit-policy.json").write_text(json.dumps(AUDITED))
        (self.folder / "tokens.csv").write_text(f"{token},{ADMIN},{ADMIN},system:masters\n")
        subprocess.run(
            ["openssl", "genrsa", "-out", str(self._key), "2048"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(token)

    def command(self) -> tuple[str, ...]:
        """What to start."""
        return (
            str(self.assets.apiserver),
            f"--etcd-servers={self.etcd_url}",
            f"--etcd-prefix=/{self.name}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.port}",
            f"--cert-dir={self.ca_file.parent}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={self.services}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._key}",
            f"--service-account-signing-key-file={self._key}",
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            "--profiling=false",
            f"--audit-policy-file={self.folder / 'audit-policy.json'}",
            f"--audit-log-path={self.audit_log}",
        )

    @property
    def audit_log(self) -> Path:
        """A line of JSON for each request of a service account: who, from where, what."""
        return self.folder / "audit.log"

    @property
    def _key(self) -> Path:
        return self.folder / "accounts.key"
