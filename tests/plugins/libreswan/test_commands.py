"""``submariner libreswan psk``: what it says, what it leaves."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from submariner_libreswan.commands import libreswan
from submariner_libreswan.credentials import psk_from_file
from submariner_libreswan.rotation import Rotation

OLD = b"the old secret of this cluster set"
NEW = b"the new secret of this cluster set"


@pytest.fixture
def host(tmp_path):
    (tmp_path / "libreswan").mkdir()
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    (tmp_path / "psk").write_bytes(OLD)
    return tmp_path


def run(host, *words):
    said = CliRunner().invoke(libreswan, ["psk", *map(str, words), "--state-dir", str(host)])
    for secret in (OLD, NEW):
        assert secret.decode() not in said.output
    return said.exit_code, said.output


def test_three_steps_lead_to_the_new_psk_and_leave_nothing(host):
    new = psk_from_file(host / "new", "x")
    code, said = run(host, "accept", host / "new")
    assert code == 0
    assert new.fingerprint in said
    assert run(host, "use")[0] == 0
    (host / "psk").write_bytes(NEW)
    code, said = run(host, "drop", host / "psk")
    assert code == 0
    assert f"PSK {new.fingerprint} alone" in said
    assert not (host / "libreswan" / "psk").exists()


def test_a_psk_is_not_used_before_it_is_accepted(host):
    code, said = run(host, "use")
    assert code == 1
    assert "first `psk accept FILE`, at all gateways" in said


def test_using_twice_is_refused_and_changes_nothing(host):
    run(host, "accept", host / "new")
    assert run(host, "use")[0] == 0
    assert run(host, "use")[0] == 1
    credentials = Rotation(host / "libreswan" / "psk").credentials(
        psk_from_file(host / "old", "x"), None
    )
    assert credentials.psks[0] == psk_from_file(host / "new", "x")


def test_a_drop_that_a_restart_would_undo_is_refused(host):
    run(host, "accept", host / "new")
    run(host, "use")
    code, said = run(host, "drop", host / "psk")
    assert code == 1
    assert "put the new one into psk_file first" in said
    assert (host / "libreswan" / "psk" / "used").exists()


def test_a_drop_without_a_rotation_does_no_harm(host):
    assert run(host, "drop", host / "psk")[0] == 0


def test_a_drop_before_use_forgets_the_accepted_one(host):
    run(host, "accept", host / "new")
    code, said = run(host, "drop", host / "psk")
    assert code == 0
    assert psk_from_file(host / "old", "x").fingerprint in said
    assert run(host, "use")[0] == 1


@pytest.mark.parametrize("words", [("accept", "empty"), ("drop", "empty")])
def test_an_empty_file_is_refused(host, words):
    (host / "empty").write_bytes(b"")
    code, said = run(host, words[0], host / words[1])
    assert code == 1
    assert "is empty" in said


def test_a_host_without_such_a_gateway_is_told_so(host, tmp_path):
    (host / "libreswan").rmdir()
    code, said = run(host, "accept", host / "new")
    assert code == 1
    assert "no gateway with a libreswan cable has run here" in said


def test_a_state_folder_that_cannot_be_written_is_named(host):
    (host / "libreswan" / "psk").write_text("a file where the folder belongs")
    code, said = run(host, "accept", host / "new")
    assert code == 1
    assert "cannot be written" in said
