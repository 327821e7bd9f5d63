"""What is read of a secret's file, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from submariner_core.api.errors import CableError
from submariner_core.kernel.secret_files import read_psk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "psk"


def test_the_psk_is_the_base64_of_every_octet(file: Path) -> None:
    file.write_bytes(b"\x00\x01secret\n")
    assert read_psk(file, "option") == "AAFzZWNyZXQK"


def test_a_file_that_is_not_there_is_named_with_what_to_do(file: Path) -> None:
    with pytest.raises(CableError) as caught:
        read_psk(file, "options.x.psk_file")
    assert str(caught.value) == (
        f"options.x.psk_file: {file} cannot be read (No such file or directory): "
        "put the secret of the cluster set there"
    )


@pytest.mark.parametrize("octets", [b"", b" \t\r\n"])
def test_an_empty_file_is_refused(file: Path, octets: bytes) -> None:
    file.write_bytes(octets)
    with pytest.raises(CableError, match=r"^option: .*psk is empty: put the secret"):
        read_psk(file, "option")


@pytest.mark.parametrize(("mode", "refused"), [(0o600, False), (0o660, False), (0o602, True)])
def test_a_file_that_everybody_can_write_to_is_refused(
    file: Path, mode: int, refused: bool
) -> None:
    file.write_bytes(b"secret")
    file.chmod(mode)
    if refused:
        with pytest.raises(CableError, match=f"everybody can write to {file}: chmod o-w {file}$"):
            read_psk(file, "option")
    else:
        assert read_psk(file, "option") == "c2VjcmV0"
