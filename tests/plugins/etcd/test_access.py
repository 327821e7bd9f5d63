"""Who may ask: users, and certificates."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from submariner_etcd.client import EtcdClient
from submariner_etcd.options import EtcdOptions

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.api.lease import LeaseRecord
from tests.plugins.etcd.conftest import Opened
from tests.plugins.etcd_process import PROGRAM, EtcdProcess

LEASE = LeaseRecord("a", 1, 3.0)


async def guarded(client: EtcdClient) -> None:
    """Turn on authentication: ``root`` may do all, ``east`` what is below its prefix."""
    where = {"key": "L2Vhc3Qv", "range_end": "L2Vhc3Qw"}  # /east/ to /east0
    for path, body in (
        ("user/add", {"name": "root", "password": "r"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("user/add", {"name": "east", "password": "hush"}),
        ("role/add", {"name": "east"}),
        ("role/grant", {"name": "east", "perm": {"permType": "READWRITE", **where}}),
        ("user/grant", {"user": "east", "role": "east"}),
        ("enable", {}),
    ):
        await client._request(f"/v3/auth/{path}", body)


async def test_a_user_reaches_its_own_prefix_also_after_its_token_expired(
    etcd: EtcdProcess, opened: Opened, tmp_path: Path
) -> None:
    await guarded(opened.client(EtcdOptions(endpoints=(etcd.url,))))
    password = tmp_path / "password"
    password.write_text("hush\n")

    def options(prefix: str = "/east", **who: object) -> EtcdOptions:
        return EtcdOptions.model_validate({"endpoints": [etcd.url], "prefix": prefix, **who})

    who = {"username": "east", "password_file": password}
    lease = opened.lease(options(**who))
    written = await lease.swap(None, LEASE)
    with pytest.raises(StoreError, match="permission denied; grant the user readwrite"):
        await opened.lease(options("/west", **who)).read()
    with pytest.raises(StoreError, match=r"user name is empty; .* give username"):
        await opened.lease(options()).read()
    etcd.kill()
    etcd.start()  # it keeps no tokens, and no connection of before
    with contextlib.suppress(StoreUnavailable):
        await lease.read()
    assert await lease.read() == written
    password.write_text("wrong")
    with pytest.raises(StoreError, match=r"authentication failed.*; check username and password"):
        await opened.lease(options(**who)).read()
    password.unlink()
    with pytest.raises(StoreError, match=f"password_file {password}: No such file"):
        await opened.lease(options(**who)).read()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ca``, and below it ``server`` (for 127.0.0.1) and ``client``."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(("openssl", *words), cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    for name, more in (("server", ("-addext", "subjectAltName=IP:127.0.0.1")), ("client", ())):
        issuer = ("-CA", "ca.crt", "-CAkey", "ca.key")
        files = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
        openssl(*new, *issuer, *files, "-subj", f"/CN={name}", *more)
    return folder


@pytest.fixture
def encrypted(tmp_path: Path, certificates: Path) -> Iterator[EtcdProcess]:
    if PROGRAM is None:
        pytest.skip("there is no etcd here; run .ci/setup")
    process = EtcdProcess(
        tmp_path,
        f"--cert-file={certificates / 'server.crt'}",
        f"--key-file={certificates / 'server.key'}",
        f"--trusted-ca-file={certificates / 'ca.crt'}",
        "--client-cert-auth",
        "--listen-metrics-urls=",
        scheme="https",
    )
    process.start()
    yield process
    process.kill()


async def test_certificates_of_both_sides_are_asked_for(
    encrypted: EtcdProcess, opened: Opened, certificates: Path, tmp_path: Path
) -> None:
    def options(**files: object) -> EtcdOptions:
        return EtcdOptions.model_validate({"endpoints": [encrypted.url], **files})

    ca = {"ca_file": certificates / "ca.crt"}
    own = {"cert_file": certificates / "client.crt", "key_file": certificates / "client.key"}
    lease = opened.lease(options(**ca, **own))
    written = None
    while written is None:
        try:
            written = await lease.swap(None, LEASE)
        except StoreUnavailable:  # it is starting
            continue
    assert await lease.read() == written
    with pytest.raises(StoreUnavailable, match="check ca_file, cert_file and the name"):
        await opened.lease(options(**own)).read()
    with pytest.raises(StoreError, match=encrypted.url):
        await opened.lease(options(**ca)).read()
    spoilt = tmp_path / "spoilt.crt"
    spoilt.write_text("no certificate")
    with pytest.raises(StoreError, match=f"{spoilt}: no certificate can be read there"):
        await opened.lease(options(ca_file=spoilt)).read()
