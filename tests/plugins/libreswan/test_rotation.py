"""Two files of a rotation, whatever a crash leaves of them."""

from __future__ import annotations

import os
import pickle

import pytest
from submariner_libreswan.credentials import Certificate, Psk, psk_from_file
from submariner_libreswan.rotation import Rotation

from submariner_core.api.errors import CableError

OLD, NEW = Psk("the old secret"), Psk("the new secret")


@pytest.fixture
def rotation(tmp_path):
    return Rotation(tmp_path / "psk")


def _psks(rotation, configured=OLD):
    return rotation.credentials(configured, None).psks


def test_each_step_changes_what_is_used_and_what_is_accepted(rotation):
    assert _psks(rotation) == (OLD,)
    rotation.accept(NEW)
    assert _psks(rotation) == (OLD, NEW)
    rotation.use()
    assert _psks(rotation) == (NEW, OLD)
    assert _psks(rotation, NEW) == (NEW,)
    rotation.drop(NEW)
    assert _psks(rotation, NEW) == (NEW,)


def test_a_change_is_noticed_once(rotation):
    _psks(rotation)
    assert not rotation.changed()
    rotation.accept(NEW)
    assert rotation.changed()
    _psks(rotation)
    assert not rotation.changed()


def test_files_are_for_their_owner_alone(rotation, tmp_path):
    rotation.accept(NEW)
    assert (tmp_path / "psk").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "psk" / "accepted").stat().st_mode & 0o777 == 0o600


def test_a_step_that_died_in_the_middle_can_be_repeated(rotation, tmp_path):
    rotation.accept(NEW)
    (tmp_path / "psk" / "used.new").write_text("half of it")
    assert _psks(rotation) == (OLD, NEW)
    rotation.use()
    assert _psks(rotation) == (NEW, OLD)


def test_a_death_between_the_two_files_of_use_loses_neither_psk(rotation, tmp_path):
    rotation.accept(NEW)
    (tmp_path / "psk" / "used").write_text(NEW.reveal())  # and "accepted" is still there
    assert _psks(rotation) == (NEW, OLD)
    rotation.use()
    assert _psks(rotation) == (NEW, OLD)


def test_a_drop_is_refused_while_the_settings_have_the_old_psk(rotation):
    rotation.accept(NEW)
    rotation.use()
    with pytest.raises(CableError, match="put the new one into psk_file first") as caught:
        rotation.drop(OLD)
    assert OLD.fingerprint in str(caught.value)
    assert NEW.fingerprint in str(caught.value)
    assert "secret" not in str(caught.value)
    assert _psks(rotation) == (NEW, OLD)


def test_another_psk_accepted_during_a_rotation_leaves_the_one_in_use(rotation):
    third = Psk("the third secret")
    rotation.accept(NEW)
    rotation.use()
    rotation.accept(third)
    assert _psks(rotation) == (NEW, OLD, third)


def test_erasing_leaves_nothing_and_may_be_repeated(rotation, tmp_path):
    rotation.accept(NEW)
    (tmp_path / "psk" / "used.new").write_text("half of it")
    rotation.erase()
    rotation.erase()
    assert not (tmp_path / "psk").exists()


def test_a_file_that_is_no_text_is_named(rotation, tmp_path):
    rotation.accept(NEW)
    (tmp_path / "psk" / "accepted").write_bytes(b"\xff\xfe")
    with pytest.raises(CableError, match=r"accepted cannot be read.*begin anew"):
        _psks(rotation)


def test_a_gateway_with_a_certificate_has_no_psks(rotation, tmp_path):
    certificate = Certificate(tmp_path, tmp_path, tmp_path)
    assert rotation.credentials(None, certificate).psks == ()
    assert rotation.credentials(None, certificate).certificate == certificate


def test_a_psk_shows_itself_to_nobody():
    for text in (repr(NEW), str(NEW), f"{NEW}", f"{NEW:>40}", repr(Rotation), f"{[NEW]}"):
        assert "new secret" not in text
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(NEW)
    assert Psk("a") == Psk("a") != Psk("b")


def test_the_psk_of_a_file_is_the_base64_of_its_octets(tmp_path):
    path = tmp_path / "psk"
    path.write_bytes(b"\x00\x01secret\n")
    assert psk_from_file(path, "x").reveal() == "AAFzZWNyZXQK"


def test_a_file_of_the_settings_that_changes_in_place_is_noticed(tmp_path):
    file = tmp_path / "psk_file"
    file.write_text("old")
    rotation = Rotation(tmp_path / "psk", [file])
    rotation.credentials(Psk("old"), None)
    assert not rotation.changed()
    replaced = tmp_path / "new"
    replaced.write_text("new")
    os.utime(replaced, (1, 1))
    replaced.replace(file)
    assert rotation.changed()
