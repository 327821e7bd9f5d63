"""What stands on disk, and what of it is secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from submariner_libreswan.credentials import Psk
from submariner_libreswan.pluto import files
from submariner_libreswan.pluto.ledger import Ledger
from submariner_libreswan.pluto.secrets import Secrets

from submariner_core.api.errors import CableError

WORDS = {
    "submariner-cable-w-0-0": ("--name", "x", "--id", "10.0.0.1", "--to", "--id", "10.0.0.2"),
}


def _mode(path):
    return path.stat().st_mode & 0o777


def test_a_secret_is_nobody_elses_from_the_first_moment(tmp_path):
    path = tmp_path / "secrets"
    assert files.write(path, "a secret")
    assert _mode(path) == 0o600
    assert not files.write(path, "a secret")
    path.chmod(0o644)
    assert files.write(path, "a secret")
    assert _mode(path) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["secrets"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CableError, match="file/pluto"):
        files.prepare(files.places(tmp_path / "file" / "pluto", managed=True, log=None))
    with pytest.raises(CableError, match="cannot be written"):
        files.write(tmp_path / "none" / "secrets", "")


def test_a_path_that_no_socket_may_have_is_told(tmp_path):
    spots = files.places(tmp_path / ("x" * 100), managed=True, log=None)
    with pytest.raises(CableError, match="set state_dir to a shorter one"):
        files.prepare(spots)


def test_everything_of_an_own_pluto_is_in_its_folder(tmp_path):
    spots = files.places(tmp_path / "pluto", managed=True, log=None)
    files.prepare(spots)
    assert _mode(spots.folder) == 0o700
    words = files.command(spots)
    for option in ("--config", "--rundir", "--nssdir", "--secretsfile", "--ipsecdir", "--logfile"):
        assert Path(words[words.index(option) + 1]).is_relative_to(spots.folder)
    files.remove(spots)
    assert not spots.folder.exists()


def test_nothing_of_the_hosts_is_removed(tmp_path):
    spots = files.places(tmp_path / "ours", managed=False, log=None)
    assert spots.socket == Path("/run/pluto/pluto.ctl")
    spots.folder.mkdir()
    (spots.folder / "else").write_text("")
    files.remove(spots)
    assert (spots.folder / "else").exists()


def test_peers_have_the_usual_psk_but_those_whose_turn_it_is(tmp_path):
    path = tmp_path / "secrets"
    ledger = Ledger(tmp_path / "ledger")
    ledger.put("submariner-cable-w", WORDS)
    secrets = Secrets(path, usual=True)
    secrets.psks = (Psk("one"), Psk("two"))
    assert secrets.write(ledger)
    assert '%any %any : PSK "one"' in path.read_text()
    assert "two" not in path.read_text()
    assert secrets.turn("submariner-cable-w", calls=True)
    assert secrets.write(ledger)
    assert '10.0.0.1 10.0.0.2 : PSK "two"' in path.read_text()
    assert secrets.turn("submariner-cable-w", calls=True)  # round again
    assert secrets.write(ledger)
    assert "two" not in path.read_text()
    assert not secrets.write(ledger)
    secrets.psks = (Psk("one"),)
    assert not secrets.turn("submariner-cable-w", calls=True)


def test_a_psk_that_would_end_its_line_is_refused():
    with pytest.raises(CableError, match="quote or a line break"):
        files.secrets(Psk('a" b'), ())


def test_the_ledger_outlives_its_process_and_believes_pluto_more(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    ledger.put("submariner-cable-w", WORDS)
    again = Ledger(tmp_path / "ledger")
    again.read({"submariner-cable-w-0-0"})
    assert again.get("submariner-cable-w") == WORDS
    again.read(set())
    assert again.get("submariner-cable-w") == {}
    again.read()
    assert set(again.names()) == {"submariner-cable-w"}
    again.put("submariner-cable-w", {})
    assert list(again) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"b": 1}}', "\0"])
def test_a_ledger_that_makes_no_sense_is_an_empty_one(tmp_path, text):
    (tmp_path / "ledger").write_text(text)
    ledger = Ledger(tmp_path / "ledger")
    ledger.read()
    assert list(ledger) == []


def test_the_end_that_is_called_takes_turns_slower_lest_two_chase_one_another(tmp_path):
    caller, called = (Secrets(tmp_path / name, usual=True) for name in ("a", "b"))
    caller.psks = called.psks = (Psk("one"), Psk("two"))
    first = [called.turn("w", calls=False) for _ in range(9)]
    assert first == [True, False, False, False, True, False, False, False, True]
    called.settle("w")
    assert called.turn("w", calls=False)
    assert all(caller.turn("w", calls=True) for _ in range(4))
