"""SIGHUP takes up the failover settings, and nothing that is wrong."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.config.settings import Failover, Settings
from submariner_core.daemon.reloading import reload_on_hangup


def settings(**more: Any) -> Settings:
    plugins = {"cable": ["vxlan"], "election": "local", "datastore": "local"}
    return Settings.model_validate({"cluster_id": "east", "plugins": plugins, **more})


@pytest.fixture
def taken() -> Iterator[list[Failover]]:
    yield []
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


async def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0.01)


async def test_failover_settings_are_taken_up(taken: list[Failover]) -> None:
    changed = settings(failover={"evidence": False, "warm": 1})
    reload_on_hangup(settings(), lambda: changed, taken.append)
    await hang_up()
    assert taken == [Failover(evidence=False, warm=1)]


async def test_settings_that_are_wrong_change_nothing(taken: list[Failover]) -> None:
    def broken() -> Settings:
        raise ConfigError("east.yaml:1:1: what is this?")

    reload_on_hangup(settings(), broken, taken.append)
    await hang_up()
    assert taken == []


async def test_what_needs_a_restart_is_named(
    taken: list[Failover], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = settings(nat_enabled=True)
    reload_on_hangup(settings(node_name="n"), lambda: changed, taken.append)
    await hang_up()
    assert "nat_enabled" in capsys.readouterr().out


async def test_without_a_file_the_signal_ends_nothing(taken: list[Failover]) -> None:
    reload_on_hangup(settings(), None, taken.append)
    await hang_up()
    assert taken == []
