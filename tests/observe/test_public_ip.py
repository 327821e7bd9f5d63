"""The own public address, from a real HTTPS server on loopback and from the resolver."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from submariner_core.api.errors import StoreError
from submariner_core.observe import public_ip as room
from submariner_core.observe.public_ip import PublicIp, no_services, resolve
from submariner_core.reconcile.public_ip import Source
from submariner_core.testing import MemoryStore, MemoryTransport

ADDRESS = IPv4Address("203.0.113.9")


@pytest.fixture
def page(tmp_path, monkeypatch) -> Iterator[list[str]]:
    """The text that the server answers, and where it is: ``localhost:PORT`` comes second."""
    told = ["203.0.113.9\n"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told[0].encode())

        def log_message(self, *_: object) -> None: ...

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    monkeypatch.setenv("no_proxy", "localhost")
    told.append(f"localhost:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(pem))
    return file


@contextlib.asynccontextmanager
async def running(setting: str, folder: Path, balancer=no_services):
    news = asyncio.Event()
    one = PublicIp(setting, news.set, folder / "public-ip", balancer)
    task = asyncio.create_task(one.run())
    try:
        yield one, news
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_api_is_asked_over_https(page) -> None:
    assert await resolve(Source("api", page[1] + "/ip")) == ADDRESS


async def test_an_answer_without_an_address_is_refused(page) -> None:
    page[0] = "<html>please log in</html>"
    with pytest.raises(ValueError, match="no usable"):
        await resolve(Source("api", page[1]))


async def test_a_name_is_resolved(monkeypatch) -> None:
    found = [(0, 0, 0, "", ("203.0.113.9", 0)), (0, 0, 0, "", ("203.0.113.7", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    assert await resolve(Source("dns", "gw.example")) == IPv4Address("203.0.113.7")


async def test_what_fails_leaves_its_turn_to_the_next(page, tmp_path) -> None:
    async with running(f"dns:gw.invalid, api:{page[1]}", tmp_path) as (one, news):
        async with asyncio.timeout(20):
            await news.wait()
        assert (one.address, one.problem) == (ADDRESS, "")


async def test_a_stated_address_is_there_at_once_and_asks_nobody(tmp_path) -> None:
    one = PublicIp("ipv4:203.0.113.9, api:gw.invalid", lambda: None, tmp_path / "public-ip")
    assert one.address == ADDRESS
    async with asyncio.timeout(1):
        await one.run()


async def test_a_server_that_never_answers_holds_nothing_up(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(room, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        setting = f"api:127.0.0.1:{silent.getsockname()[1]}"
        async with running(setting, tmp_path) as (one, news):
            assert one.address is None
            async with asyncio.timeout(20):
                await news.wait()
            assert setting in one.problem


async def test_the_last_address_outlives_the_process_and_a_dead_resolver(
    page, tmp_path, monkeypatch
) -> None:
    setting = f"api:{page[1]}"
    async with running(setting, tmp_path) as (_, news):
        async with asyncio.timeout(20):
            await news.wait()
    page[0] = "gone"
    async with running(setting, tmp_path) as (one, news):
        assert one.address == ADDRESS
        async with asyncio.timeout(20):
            await news.wait()
        assert one.problem
        assert one.address == ADDRESS
    assert PublicIp("api:elsewhere.invalid", lambda: None, tmp_path / "public-ip").address is None


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.load_balancers["gateway"] = ()
    return made


async def told(news: asyncio.Event) -> None:
    async with asyncio.timeout(20):
        await news.wait()
    news.clear()


async def test_a_load_balancers_address_is_awaited_by_nobody_and_taken_when_it_comes(
    store, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(room, "FIRST_RETRY", 0.01)
    ask = MemoryTransport(store).read_load_balancer
    async with running("lb:gateway", tmp_path, ask) as (one, news):
        await told(news)
        assert one.address is None
        assert one.problem.startswith("public_ip: lb:gateway: awaits an address")
        store.load_balancers["gateway"] = (str(ADDRESS),)
        await told(news)
        async with asyncio.timeout(20):
            while one.address is None:
                await news.wait()
        assert (one.address, one.problem) == (ADDRESS, "")


async def test_a_load_balancer_that_is_awaited_stays_named_while_another_way_does(
    store, tmp_path
) -> None:
    ask = MemoryTransport(store).read_load_balancer
    setting = f"lb:nobody, dns:gw.invalid, ipv4:{ADDRESS}"
    async with running(setting, tmp_path, ask) as (one, news):
        async with asyncio.timeout(20):
            while one.address is None:
                await told(news)
        assert one.address == ADDRESS
        assert one.problem.startswith("public_ip: lb:nobody: awaits a Service of this name")
        assert "dns" not in one.problem


async def test_a_load_balancers_name_is_resolved(store, monkeypatch) -> None:
    store.load_balancers["gateway"] = ("a1.elb.example",)
    found = [(0, 0, 0, "", ("203.0.113.9", 0)), (0, 0, 0, "", ("203.0.113.7", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_: found if "a1" in name else [])
    ask = MemoryTransport(store).read_load_balancer
    assert await resolve(Source("lb", "gateway"), ask) == IPv4Address("203.0.113.7")


async def test_a_datastore_that_is_away_moves_nobody_to_another_address(
    store, tmp_path, monkeypatch
) -> None:
    """Never again 5: its outage tells nothing of the load balancer."""
    monkeypatch.setattr(room, "PERIOD", 0.01)
    store.load_balancers["gateway"] = (str(ADDRESS),)
    ask = MemoryTransport(store).read_load_balancer
    async with running("lb:gateway, ipv4:192.0.2.1", tmp_path, ask) as (one, news):
        await told(news)
        assert one.address == ADDRESS
        store.go_away()
        async with asyncio.timeout(20):
            while not one.problem:
                await told(news)
        assert one.address == ADDRESS


@pytest.mark.parametrize("error", [StoreError("services: 403"), RuntimeError("a bug")])
async def test_a_datastore_that_does_not_tell_is_named_and_others_are_asked(
    error, tmp_path
) -> None:
    async def refuses(_service: str) -> None:
        raise error

    async with running(f"lb:gateway, ipv4:{ADDRESS}", tmp_path, refuses) as (one, news):
        async with asyncio.timeout(20):
            while one.address is None:
                await told(news)
        assert (one.address, str(error) in one.problem) == (ADDRESS, True)


async def test_a_changed_address_is_told(page, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(room, "PERIOD", 0.01)
    async with running(f"api:{page[1]}", tmp_path) as (one, news), asyncio.timeout(20):
        await news.wait()
        news.clear()
        page[0] = "203.0.113.10"
        await news.wait()
        assert one.address == IPv4Address("203.0.113.10")
