"""Another PSK in three steps, under traffic; every state in between connects."""

from __future__ import annotations

import base64

import pytest
from submariner_libreswan.credentials import Psk
from submariner_libreswan.rotation import Rotation

from submariner_core.api.model import ConnectionStatus

pytestmark = [pytest.mark.netns]

OLD = b"the old secret of this cluster set, 32 octets long"
NEW = b"the new secret of this cluster set, 32 octets long"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    return tmp_path


def _rotation(gateway):
    return Rotation(gateway.state_dir / "psk")


def _accept(gateway):
    _rotation(gateway).accept(Psk(base64.b64encode(NEW).decode()))


def _use(gateway):
    _rotation(gateway).use()


def _drop(gateway):
    _rotation(gateway).drop(Psk(base64.b64encode(NEW).decode()))


async def _anew(one, other, status=ConnectionStatus.CONNECTED):
    """Make the cable from nothing, so that both ends prove themselves."""
    await one.disconnect(other.endpoint)
    await other.disconnect(one.endpoint)
    await other.connect(one.endpoint)
    await one.connect(other.endpoint)
    await one.until(other.endpoint, status)
    if status is ConnectionStatus.CONNECTED:
        await other.until(one.endpoint, status)


@pytest.mark.timeout(150)
async def test_a_psk_is_rotated_under_traffic_and_each_step_connects(underlay, files):
    own = {name: files / f"{name}.psk" for name in ("east", "west")}
    for path in own.values():
        path.write_bytes(OLD)
    east = underlay.gateway("east", "172.31.0.1", psk_file=own["east"])
    west = underlay.gateway("west", "172.31.0.2", psk_file=own["west"])
    await underlay.join(east, west)
    streams = []
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        for step in (_accept, _use, None, _drop):
            for one in (east, west):
                stream = east.stream(west.pods[0])
                if step is None:  # the new one is put into the settings' file
                    own[one.endpoint.cluster_id].write_bytes(NEW)
                    await one.open()
                else:
                    step(one)
                    await _followed(one)
                streams.append(await east.lost(stream))
                await _anew(east, west)
        assert not (east.state_dir / "psk").exists()
    if underlay.exact:
        assert sum(lost for lost, _ in streams) == 0


async def _followed(gateway):
    """What is rotated was taken up."""

    async def followed():
        async with gateway.driver._lock:
            await gateway.driver._follow_rotation()

    await gateway.room.run(followed())


async def test_a_psk_in_use_that_the_other_end_does_not_accept_is_refused(underlay, files):
    east, west = await underlay.pair(psk_file=files / "old")
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        _accept(east)
        _use(east)  # too early: west does not accept it yet
        await _followed(east)
        stream = east.stream(west.pods[0])
        lost, _ = await east.lost(stream)
        assert lost == 0 or not underlay.exact
        await _anew(east, west, ConnectionStatus.ERROR)
        _accept(west)
        await _followed(west)
        await east.connected(west.endpoint)
