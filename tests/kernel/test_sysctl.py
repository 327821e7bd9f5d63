from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from submariner_core.kernel import KernelError, sysctl
from submariner_core.kernel.sysctl import Journal

FORWARD = "net.ipv4.ip_forward"
FILTER = "net.ipv4.conf.lo.rp_filter"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "sysctl.json")


@pytest.fixture(autouse=True)
def zeroed(netns):
    for name in (FORWARD, FILTER):
        sysctl.ensure(name, "0")


@pytest.mark.netns
def test_a_value_is_set_once():
    assert sysctl.ensure(FORWARD, "1")
    assert not sysctl.ensure(FORWARD, "1")
    assert sysctl.read(FORWARD) == "1"


@pytest.mark.netns
def test_words_are_separated_by_single_spaces():
    assert len(sysctl.read("net.ipv4.ip_local_port_range").split(" ")) == 2


@pytest.mark.netns
def test_a_device_with_a_dot_can_be_named_both_ways(shell):
    shell(
        "ip link add br0 type bridge; ip link add link br0 name br0.5 type vlan id 5 || "
        "ip link add br0.5 type bridge"
    )

    assert sysctl.ensure("net/ipv4/conf/br0.5/rp_filter", "2")
    assert sysctl.read("net.ipv4.conf.br0/5.rp_filter") == "2"


@pytest.mark.netns
def test_an_absent_setting_reads_as_none_and_cannot_be_set():
    name = "net.ipv4.conf.nope.rp_filter"

    assert sysctl.read(name) is None
    with pytest.raises(KernelError, match="device or module is absent") as caught:
        sysctl.ensure(name, "2")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.netns
def test_a_value_that_the_kernel_refuses_is_named():
    with pytest.raises(KernelError, match=r"set to 'many' sysctl net\.ipv4\.ip_forward|cannot"):
        sysctl.ensure(FORWARD, "many")


@pytest.mark.parametrize("name", ["net..x", "../etc/passwd", "net/../../etc", ""])
def test_a_name_that_leaves_the_tree_is_refused(name):
    with pytest.raises(ValueError, match="no sysctl name"):
        sysctl.read(name)


@pytest.mark.netns
def test_the_journal_puts_back_what_it_found_first(journal):
    sysctl.ensure(FORWARD, "1", journal)
    sysctl.ensure(FILTER, "1", journal)
    sysctl.ensure(FILTER, "2", journal)

    assert Journal(journal.path).restore() == 2
    assert (sysctl.read(FORWARD), sysctl.read(FILTER)) == ("0", "0")
    assert not journal.path.exists()


@pytest.mark.netns
def test_a_value_that_somebody_changed_since_stays(journal):
    sysctl.ensure(FILTER, "2", journal)
    sysctl.ensure(FILTER, "1")

    assert journal.restore() == 0
    assert sysctl.read(FILTER) == "1"


@pytest.mark.netns
def test_a_value_that_was_reset_meanwhile_is_the_new_one_to_put_back(journal):
    sysctl.ensure(FILTER, "2", journal)
    sysctl.ensure(FILTER, "1")  # an administrator, or a reboot
    sysctl.ensure(FILTER, "2", journal)

    assert journal.restore() == 1
    assert sysctl.read(FILTER) == "1"


@pytest.mark.netns
def test_a_value_that_was_so_already_is_not_journalled(journal):
    assert not sysctl.ensure(FORWARD, "0", journal)
    assert not journal.path.exists()


@pytest.mark.netns
def test_a_device_that_is_gone_does_not_hinder_the_rest(journal, shell):
    shell("ip link add br0 type bridge")
    sysctl.ensure("net.ipv4.conf.br0.rp_filter", "2", journal)
    sysctl.ensure(FORWARD, "1", journal)
    shell("ip link del br0")

    assert journal.restore() == 1
    assert sysctl.read(FORWARD) == "0"


@pytest.mark.netns
def test_what_is_mounted_for_a_container_takes_the_place_of_its_own_net(monkeypatch):
    monkeypatch.setattr(sysctl, "MOUNTED", Path("/proc/self/root/proc/sys/net"))
    monkeypatch.setattr(sysctl, "ROOT", Path("/nowhere"))
    assert sysctl.ensure(FORWARD, "1")
    assert not sysctl.ensure("net/ipv4/ip_forward", "1")
    assert sysctl.read("kernel.hostname") is None

    monkeypatch.undo()
    assert not sysctl.MOUNTED.exists()
    assert sysctl.read(FORWARD) == "1"


@pytest.mark.parametrize("text", ["", "[]", '{"net.ipv4.ip_forward": 1}', "{", "\x00"])
def test_a_damaged_journal_counts_as_empty(journal, text):
    journal.path.parent.mkdir()
    journal.path.write_text(text)

    assert journal.entries() == {}


@pytest.mark.netns
def test_the_journal_is_plain_json(journal):
    sysctl.ensure(FORWARD, "1", journal)

    assert json.loads(journal.path.read_text()) == {FORWARD: {"before": "0", "ours": "1"}}
    assert [path.name for path in journal.path.parent.iterdir()] == ["sysctl.json"]
