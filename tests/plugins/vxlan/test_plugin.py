from __future__ import annotations

from ipaddress import IPv4Address

import pluggy
import pytest
from pydantic import ValidationError
from submariner_vxlan import plugin
from submariner_vxlan.driver import VxlanDriver
from submariner_vxlan.options import VxlanOptions
from submariner_vxlan.peer import Peer
from submariner_vxlan.roster import Roster

from submariner_core.api import hooks
from submariner_core.api.info import Capability, Role

WEST = Peer("west", IPv4Address("10.0.0.2"), 4500, IPv4Address("10.0.0.2"), True)
NORTH = Peer("north", IPv4Address("203.0.113.1"), 4520, IPv4Address("10.0.0.3"), False)


def test_the_module_keeps_the_hook_specifications(tmp_path):
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(plugin)
    manager.check_pending()
    [info] = manager.hook.submariner_plugin_info()
    assert info.provides == {Role.CABLE: ("vxlan",)}
    assert info.capabilities == Capability.STANDBY | Capability.COUNTERS
    factory = manager.hook.submariner_cable_driver
    [driver] = factory(name="vxlan", options=info.options["vxlan"](), state_dir=tmp_path)
    assert isinstance(driver, VxlanDriver)
    assert factory(name="other", options=VxlanOptions(), state_dir=tmp_path) == []


def test_making_a_driver_touches_nothing(tmp_path):
    VxlanDriver(VxlanOptions(), tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("port", "position", "expected"), [(None, 0, 4500), (None, 1, 4520), (4777, 1, 4777)]
)
def test_the_port_depends_on_the_position_unless_it_is_set(port, position, expected):
    assert list(VxlanOptions(port=port).udp_ports(position)) == [expected]


@pytest.mark.parametrize("wrong", [{"port": 0}, {"port": 65536}, {"prot": 4500}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValidationError):
        VxlanOptions(**wrong)


def test_a_roster_comes_back_as_it_was_saved(tmp_path):
    roster = Roster(tmp_path / "vxlan")
    assert roster.load() == ()
    roster.save([WEST, NORTH])
    assert roster.load() == (WEST, NORTH)
    assert [file.name for file in (tmp_path / "vxlan").iterdir()] == ["cables.json"]
    roster.erase()
    roster.erase()
    assert roster.load() == ()


@pytest.mark.parametrize(
    "text",
    ["", "{", "7", "[7]", '[{"name": "west"}]', '{"a": 1}', b"\xff\xfe"],
)
def test_a_roster_that_cannot_be_understood_counts_as_empty(tmp_path, text):
    (tmp_path / "cables.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    roster = Roster(tmp_path)
    assert roster.load() == ()
    roster.save([WEST])
    assert roster.load() == (WEST,)
