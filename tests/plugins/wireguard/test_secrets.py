"""Keys and PSKs: what is derived from them, how they are kept, and that nothing shows them."""

from __future__ import annotations

import base64
import copy
import hashlib
import os
import pickle
import shutil
import subprocess

import pytest
from pydantic import SecretStr, ValidationError
from submariner_wireguard.device import (
    DeviceState,
    PeerChange,
    PeerSettings,
    PeerState,
    UdpAddress,
)
from submariner_wireguard.keyfile import ensure_key, erase_keys, load_key, stage_key
from submariner_wireguard.options import WireGuardOptions
from submariner_wireguard.secret import Secret, preshared_key, public_key

from submariner_core.api.errors import CableError

OCTETS = bytes(range(1, 33))
SHOWN = (OCTETS.hex(), base64.b64encode(OCTETS).decode(), repr(OCTETS), str(list(OCTETS)))


def shows(text: str) -> bool:
    return any(form in text for form in SHOWN)


def test_no_way_of_printing_a_secret_shows_it() -> None:
    secret = Secret(OCTETS)
    address = UdpAddress(host=None, port=1)  # type: ignore[arg-type]
    holders = (
        secret,
        [secret],
        PeerSettings("key", address, frozenset(), 10, secret),
        PeerState("key", preshared_key=secret),
        PeerChange("key", preshared_key=secret),
        DeviceState(4500, secret),
    )
    for holder in holders:
        assert not shows(repr(holder))
    assert not shows(f"{secret} {secret!r} {secret:>80}")
    assert "Secret" in repr(secret)


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_copied(take) -> None:
    with pytest.raises(TypeError, match="secret"):
        take(Secret(OCTETS))


def test_equal_secrets_are_equal_and_no_others() -> None:
    assert Secret(OCTETS) == Secret(OCTETS)
    assert Secret(OCTETS) != Secret(bytes(32))
    assert Secret(OCTETS) != OCTETS


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_none(length) -> None:
    with pytest.raises(ValueError, match=f"this one has {length}"):
        Secret(bytes(length))


def test_the_psk_is_derived_as_upstream_derives_it(tmp_path) -> None:
    assert preshared_key("s3cret").reveal() == hashlib.sha256(b"s3cret").digest()
    options = WireGuardOptions(psk=SecretStr("s3cret"))
    assert options.preshared_key() == preshared_key("s3cret")
    file = tmp_path / "psk"
    file.write_bytes(b"\x00\xffraw")
    options = WireGuardOptions(psk=SecretStr("ignored"), psk_file=file)
    assert options.preshared_key() == preshared_key(base64.b64encode(b"\x00\xffraw").decode())


@pytest.mark.parametrize("given", [{}, {"psk": ""}, {"psk": "default psk"}])
def test_a_psk_that_everybody_knows_is_refused_unless_allowed_in_words(given) -> None:
    with pytest.raises(ValidationError, match="allow_default_psk: true"):
        WireGuardOptions(**given)
    allowed = WireGuardOptions(allow_default_psk=True, **given)
    assert allowed.preshared_key() == preshared_key("default psk")


@pytest.mark.parametrize("wrong", [{"port": 0}, {"port": 65530}, {"keepalive": -1}, {"x": 1}])
def test_no_message_about_options_shows_the_psk(wrong) -> None:
    with pytest.raises(ValidationError) as caught:
        WireGuardOptions(psk="hush-hush", **wrong)
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(WireGuardOptions(psk="hush-hush"))


def test_an_unusable_psk_file_is_named(tmp_path) -> None:
    file = tmp_path / "psk"
    options = WireGuardOptions(psk_file=file)
    with pytest.raises(CableError, match=r"psk: cannot be read|psk cannot be read"):
        options.preshared_key()
    file.write_text("\n")
    with pytest.raises(CableError, match="is empty"):
        options.preshared_key()
    file.write_text("secret")
    file.chmod(0o606)
    with pytest.raises(CableError, match="chmod o-w"):
        options.preshared_key()


def test_a_key_is_made_once_for_its_owner_only(tmp_path) -> None:
    folder = tmp_path / "state"
    key = ensure_key(folder)
    assert ensure_key(folder) == key == load_key(folder)
    assert (folder / "private.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["private.key"]


@pytest.mark.skipif(shutil.which("wg") is None, reason="no 'wg': apt-get install wireguard-tools")
def test_the_public_key_is_the_one_that_wg_derives(tmp_path) -> None:
    key = ensure_key(tmp_path)
    text = (tmp_path / "private.key").read_text()
    told = subprocess.run(["wg", "pubkey"], input=text, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == public_key(key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_know_is_refused(tmp_path, mode) -> None:
    ensure_key(tmp_path)
    (tmp_path / "private.key").chmod(mode)
    with pytest.raises(CableError, match=f"its mode is {mode:04o}.*a new one is made"):
        ensure_key(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away: run as root")
def test_a_key_of_another_user_is_refused(tmp_path) -> None:
    ensure_key(tmp_path)
    os.chown(tmp_path / "private.key", 65534, 65534)
    with pytest.raises(CableError, match="belongs to user 65534"):
        ensure_key(tmp_path)


@pytest.mark.parametrize("text", ["", "AAAA", "?" * 44, "A" * 1000])
def test_a_file_without_a_key_is_refused_without_a_word_of_it(tmp_path, text) -> None:
    path = tmp_path / "private.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(CableError, match="not a private key") as caught:
        ensure_key(tmp_path)
    assert not text or text not in str(caught.value)


def test_a_link_in_place_of_a_key_is_not_followed(tmp_path) -> None:
    ensure_key(tmp_path / "other")
    (tmp_path / "private.key").symlink_to(tmp_path / "other" / "private.key")
    with pytest.raises(CableError, match=r"private\.key"):
        ensure_key(tmp_path)


def test_a_staged_key_is_used_from_the_next_start_on(tmp_path) -> None:
    old = ensure_key(tmp_path)
    new = stage_key(tmp_path)
    assert stage_key(tmp_path) == new
    assert load_key(tmp_path) == old
    assert ensure_key(tmp_path) == new != old
    assert ensure_key(tmp_path) == new
    stage_key(tmp_path)
    erase_keys(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_staged_key_that_is_none_costs_nothing(tmp_path) -> None:
    old = ensure_key(tmp_path)
    stage_key(tmp_path)
    (tmp_path / "next.key").write_text("half")
    with pytest.raises(CableError, match=r"next\.key"):
        ensure_key(tmp_path)
    assert load_key(tmp_path) == old
