"""Factories are called on the plugin behind the name, once, and their results are judged."""

from __future__ import annotations

import stat
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from submariner_core.api.errors import CableError, PluginError
from submariner_core.api.info import Capability, Role
from submariner_core.config import Settings
from submariner_core.loading import Loaded, load
from submariner_core.testing import MemoryCableDriver, MemoryTransport
from tests.loading.site import Site, cable_only, whole

PARTS = ("cable", "election", "broker", "route", "extension")


def loaded(folder: Path, cable: tuple[str, ...] = ("fake",), **more: object) -> Loaded:
    plugins = {"cable": cable, "election": "fake", "datastore": "fake", "broker": "fake"}
    return load(
        Settings.model_validate(
            {
                "cluster_id": "east",
                "plugins": {**plugins, "route": "fake"},
                "state_dir": folder / "state",
                **more,
            }
        )
    )


def calls(module: str = "fake_plugin") -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = sys.modules[module].CALLS
    return found


def test_every_part_is_made_once_with_its_options(site: Site, tmp_path: Path) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    all_parts = loaded(tmp_path, options={"fake": {"port": 4510}, "broker": {"port": 1}})
    assert calls() == []  # loading opens nothing
    for _ in range(2):
        ((name, driver),) = all_parts.cable_drivers()
        assert name == "fake"
        assert isinstance(driver, MemoryCableDriver)
        assert isinstance(all_parts.datastore(), MemoryTransport)
        assert all_parts.broker() is not all_parts.datastore()
        all_parts.lease_store()
        assert all_parts.route_driver() is not None
    made = {(kind, tail) for kind, _, _, tail in calls()}
    state = tmp_path / "state" / "fake"
    assert made == {
        ("cable", state),
        ("transport", "datastore"),
        ("transport", "broker"),
        ("lease", "east"),
        ("route", state),
    }
    assert len(calls()) == 5
    ports = {tail: getattr(options, "port", None) for _, _, options, tail in calls()}
    assert (ports[state], ports["broker"], ports["datastore"]) == (4500, 1, 4500)


def test_the_state_folder_is_private_and_made_only_when_it_is_needed(
    site: Site, tmp_path: Path
) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    all_parts = loaded(tmp_path)
    folder = tmp_path / "state" / "fake"
    assert not folder.exists()
    folder.mkdir(parents=True, mode=0o755)
    all_parts.cable_drivers()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_state_folder_that_cannot_be_made_says_what_to_do(site: Site, tmp_path: Path) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    (tmp_path / "state").write_text("a file in the way")
    with pytest.raises(PluginError, match=r"state folder .* cannot be made: .*; run as root or"):
        loaded(tmp_path).cable_drivers()


def test_a_factory_that_ignores_its_name_cannot_take_another(site: Site, tmp_path: Path) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    site.plugin(whole("greedy"), "greedy")  # answers for any name
    names = [
        (name, driver.name)
        for name, driver in loaded(tmp_path, ("fake", "greedy"), options=APART).cable_drivers()
        if isinstance(driver, MemoryCableDriver)
    ]
    assert names == [("fake", "fake"), ("greedy", "greedy")]
    assert [call[1] for call in calls("greedy_plugin")] == ["greedy"]


APART = {"greedy": {"port": 4520}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return None", "returned None for 'odd', which it says it provides"),
        ("return object()", "returned object for 'odd'.*must return one CableDriver"),
        ("return CableDriver()", "raised TypeError.*abstract"),
        ("raise OSError('no card')", r"raised OSError\('no card'\)"),
    ],
)
def test_what_is_no_driver_is_refused(site: Site, tmp_path: Path, body: str, words: str) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    driver = f"""
from submariner_core.api.cable import CableDriver

@hookimpl
def submariner_cable_driver(name, options, state_dir):
    {body}
"""
    site.plugin(cable_only("odd") + driver, "odd")
    with pytest.raises(PluginError, match=words):
        loaded(tmp_path, ("odd",)).cable_drivers()


def test_an_error_of_ours_from_a_factory_is_passed_on(site: Site, tmp_path: Path) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    driver = """
from submariner_core.api.errors import CableError

@hookimpl
def submariner_cable_driver(name, options, state_dir):
    raise CableError("no such kernel module: load wireguard")
"""
    site.plugin(cable_only("odd") + driver, "odd")
    with pytest.raises(CableError, match="load wireguard"):
        loaded(tmp_path, ("odd",)).cable_drivers()


def test_only_the_roles_asked_for_are_imported(site: Site, tmp_path: Path) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    site.plugin("raise RuntimeError('imported')\n", "heavy")
    plugins = {"cable": ["heavy"], "election": "fake", "datastore": "fake"}
    settings = Settings.model_validate({"cluster_id": "east", "plugins": plugins})
    only = load(settings, roles=(Role.BROKER,))
    assert only.broker() is None
    assert only.route_driver() is None
    assert only.cable_drivers() == ()
    with pytest.raises(PluginError, match="the election was not loaded"):
        only.lease_store()


def test_the_report_has_a_row_for_every_part(site: Site, tmp_path: Path) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    all_parts = loaded(tmp_path)
    rows = all_parts.report()
    assert [row.part for row in rows] == ["cable", "election", "datastore", "broker", "route"]
    assert {(row.distribution, row.version, row.api_version) for row in rows} == {
        ("submariner-fake", "1.2.3", (1, 0))
    }
    assert "submariner_cable_driver" in rows[0].hooks
    assert all_parts.capabilities("fake") == Capability.STANDBY | Capability.COUNTERS
    with pytest.raises(PluginError, match="'nope' is not loaded"):
        all_parts.capabilities("nope")
    assert len(all_parts.hooks.plugin_info()) == 1  # one module, registered once


def test_the_addresses_of_every_store_in_use_are_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.plugin(whole("fake"), roles=PARTS)
    some = loaded(tmp_path)
    assert some.store_addresses() == ()
    some.datastore()
    some.broker()
    monkeypatch.setattr(MemoryTransport, "addresses", (IPv4Address("192.0.2.1"),))
    assert some.store_addresses() == (IPv4Address("192.0.2.1"),) * 2
