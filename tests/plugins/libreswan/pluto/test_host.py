"""The host's own pluto: we add connections to it, and touch nothing else."""

from __future__ import annotations

import pytest
from submariner_libreswan.pluto import files
from submariner_libreswan.pluto.pluto import Pluto

from submariner_core.api.errors import CableError
from tests.plugins import ipsec

pytestmark = [pytest.mark.netns, ipsec.needs_pluto]


@pytest.fixture
async def host(underlay, monkeypatch):
    """A gateway whose pluto somebody else started, with a connection of theirs."""
    gateway = underlay.gateway(1)
    await gateway.start()
    (gateway.folder / "loaded.json").unlink(missing_ok=True)
    secrets = gateway.folder / "secrets"
    secrets.write_text(f"include {gateway.folder}/ipsec.d/*.secrets\n")
    gateway.ipsec(
        *("--name", "theirs", "--psk", "--encrypt", "--ikev2", "--host", "172.31.0.1"),
        *("--to", "--host", "172.31.0.200"),
    )
    monkeypatch.setattr(files, "HOST_RUN", gateway.folder / "run")
    monkeypatch.setattr(files, "HOST_SECRETS", gateway.folder / "ipsec.d" / "submariner.secrets")
    run = gateway.folder / "run"
    gateway.pluto = Pluto(gateway.folder.parent / "ours", managed=False, prefix=ipsec.PREFIX)
    gateway.socket = run / "pluto.ctl"
    return gateway


async def test_secrets_are_for_our_peers_only_and_all_is_gone_afterwards(host):
    [pid] = host.daemons()
    assert await host.start() is True
    tunnel = await host.load("172.31.0.2", interface=None)
    secrets = files.HOST_SECRETS
    assert (secrets.stat().st_mode & 0o777) == 0o600
    assert "172.31.0.1 172.31.0.2 : PSK" in secrets.read_text()
    assert "%any" not in secrets.read_text()
    listed = host.ipsec("--status")
    assert f'"{tunnel.name}-0-0"' in listed
    with host.entered() as pluto:
        await pluto.stop()
    listed = host.ipsec("--status")
    assert "submariner-cable" not in listed
    assert '"theirs"' in listed
    assert not secrets.exists()
    assert host.daemons() == [pid]


async def test_a_host_without_pluto_is_told_where_it_was_looked_for(
    underlay, tmp_path, monkeypatch
):
    monkeypatch.setattr(files, "HOST_RUN", tmp_path)
    monkeypatch.setattr("submariner_libreswan.pluto.starting.TIMEOUT", 0.1)
    gateway = underlay.gateway(1)
    gateway.pluto = Pluto(tmp_path / "ours", managed=False, prefix=ipsec.PREFIX)
    with pytest.raises(CableError, match=r"no pluto listens at .*manage_daemon: true"):
        await gateway.start()
