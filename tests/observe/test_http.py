"""/metrics, /healthz and /readyz, asked over a real socket."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from submariner_core.api.errors import ConfigError
from submariner_core.observe import http
from submariner_core.observe.http import HealthServer, Readiness


class Served:
    """A server and what it is asked about."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.readiness = Readiness(True)
        self.server = HealthServer("127.0.0.1", 0, self.registry, lambda: self.readiness)
        self.server.start()

    def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.server.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.server.stop()


def test_metrics_are_a_valid_exposition(served: Served) -> None:
    Gauge("submariner_test", "A test's", registry=served.registry).set(7)
    status, text = served.get("/metrics?name=x")
    assert status == 200
    (family,) = text_string_to_metric_families(text)
    assert [sample.value for sample in family.samples] == [7.0]


def test_a_collector_that_raises_is_an_answer_and_not_a_dead_server(served: Served) -> None:
    """Never again 10: nobody's metrics stop the daemon."""

    class Broken(Collector):
        def collect(self):
            raise ZeroDivisionError("a bug of a plugin")
            yield

        def describe(self):
            return ()

    served.registry.register(Broken())
    status, text = served.get("/metrics")
    assert (status, "a bug of a plugin" in text) == (500, True)
    assert served.get("/healthz")[0] == 200


def test_a_loop_that_does_not_beat_is_not_healthy(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.get("/healthz") == (200, "ok\n")
    monkeypatch.setattr(http, "STUCK_AFTER", -1.0)
    status, text = served.get("/healthz")
    assert status == 503
    assert "the event loop is silent" in text


def test_a_beat_makes_it_healthy_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(http.time, "clock_gettime", lambda _: now)
    served.server.beat()
    now = 104.0
    assert served.server.answer("/healthz")[0] == 200
    now = 106.0
    assert served.server.answer("/healthz")[0] == 503
    served.server.beat()
    assert served.server.answer("/healthz")[0] == 200


def test_what_is_not_ready_says_why(served: Served) -> None:
    assert served.get("/readyz")[0] == 200
    served.readiness = Readiness(False, ("the datastore has not been read yet",))
    status, text = served.get("/readyz")
    assert status == 503
    assert json.loads(text) == {
        "ready": False,
        "reasons": ["the datastore has not been read yet"],
    }


def test_another_path_names_those_that_there_are(served: Served) -> None:
    status, text = served.get("/")
    assert status == 404
    assert "/metrics" in text


def test_a_client_that_leaves_early_is_not_worth_a_word(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    for words in (b"GET /metrics HTTP/1.0\r\n\r\n", b"\0\xff\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", served.server.port or 0)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.sendall(words)
    assert served.get("/healthz")[0] == 200
    served.server.stop()
    assert capfd.readouterr().err == ""


def test_a_port_in_use_says_what_to_do(served: Served) -> None:
    port = served.server.port or 0
    second = HealthServer("127.0.0.1", port, CollectorRegistry(), lambda: Readiness(True))
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}.*another port"):
        second.start()
    second.stop()


def test_the_start_asks_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose name server is away would wait for it, with the data path waiting too."""

    def ask(name: str = "") -> str:
        raise AssertionError(f"asked for {name}")

    monkeypatch.setattr(socket, "getfqdn", ask)
    served = Served()
    assert served.get("/healthz")[0] == 200
    served.server.stop()


def test_a_stop_may_be_repeated(served: Served) -> None:
    served.server.stop()
    served.server.stop()
    assert served.server.port is None
