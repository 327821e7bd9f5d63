"""`submariner store serve`: what it prints, makes and refuses."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from submariner_local import plugin
from submariner_local.commands import store

Server = Any


def serve(tmp_path: Path, **options: str) -> Any:
    given = {
        "--listen": "127.0.0.1:0",
        "--database": str(tmp_path / "store.db"),
        "--token-file": str(tmp_path / "token"),
    } | {f"--{key.replace('_', '-')}": value for key, value in options.items()}
    arguments = [part for pair in given.items() for part in pair]
    return CliRunner().invoke(store, ["serve", *arguments])


def test_the_command_is_added_to_the_program() -> None:
    cli = click.Group()
    plugin.submariner_register_commands(cli=cli)
    result = CliRunner().invoke(cli, ["store", "serve", "--help"])
    assert result.exit_code == 0
    assert "--token-file" in result.output


def test_a_missing_token_is_made_for_its_owner_only(server: Server) -> None:
    assert stat.S_IMODE(server.token_file.stat().st_mode) == 0o600
    assert len(server.token_file.read_text().strip()) >= 32


def test_a_token_that_is_there_is_kept(server: Server) -> None:
    token = server.token_file.read_text()
    server.end()
    server.start()
    assert server.token_file.read_text() == token


def test_a_token_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "token").chmod(0o644)
    result = serve(tmp_path)
    assert result.exit_code == 1
    assert f"chmod o-rwx {tmp_path}/token" in result.output
    assert "secret" not in result.output


def test_an_empty_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").touch(mode=0o600)
    result = serve(tmp_path)
    assert result.exit_code == 1
    assert "not a token" in result.output


def test_a_port_in_use_is_one_line_and_exit_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = serve(tmp_path, listen=address)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error")]
    assert f"{address}: cannot listen there" in line


def test_a_file_that_is_no_store_is_one_line_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("something else" * 1000)
    result = serve(tmp_path)
    assert result.exit_code == 1
    assert f"Error: {tmp_path}/store.db: not a usable database" in result.output


@pytest.mark.parametrize("address", ["7446", "host:", ":7446", "host:x", "host:70000", "::1"])
def test_an_address_that_is_none_is_explained(tmp_path: Path, address: str) -> None:
    result = serve(tmp_path, listen=address)
    assert result.exit_code == 2
    assert "expected HOST:PORT" in result.output


def test_a_host_that_does_not_exist_is_one_line_and_exit_1(tmp_path: Path) -> None:
    result = serve(tmp_path, listen="no-such-host.invalid:0")
    assert result.exit_code == 1
    assert "no-such-host.invalid:0: cannot listen there" in result.output


def test_a_path_does_not_import_aiohttp(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from submariner_core.api.transport import Kind, Record, Ref
from submariner_local import plugin
from submariner_local.options import LocalOptions
options = LocalOptions(path=Path({str(tmp_path)!r}, "s.db"))
transport = plugin.submariner_transport("local", options)
asyncio.run(transport.put(Record(Ref(Kind.CLUSTER, "a"), {{}}), None))
plugin.submariner_register_commands(__import__("click").Group())
sys.exit("aiohttp" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
