"""The façade: one method per hook, and nothing that a plugin does stops the gateway."""

from __future__ import annotations

import inspect
from ipaddress import IPv4Address, ip_network

import click
import pytest
from structlog.testing import capture_logs

from submariner_core.api import hooks
from submariner_core.api.errors import PluginError
from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import PluginInfo
from submariner_core.api.model import Endpoint
from submariner_core.loading import Hooks
from submariner_core.loading.registry import HOOKS, PREFIX
from submariner_core.testing import RecordingExtension

ENDPOINT = Endpoint(
    cluster_id="west",
    cable_name="submariner-cable-west-10-0-0-1",
    hostname="gw",
    subnets=(ip_network("10.2.0.0/16"),),
    private_ip=IPv4Address("10.0.0.1"),
    public_ip=None,
    nat_enabled=False,
    backend="vxlan",
)


class Named:
    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl
    def submariner_plugin_info(self) -> PluginInfo:
        return PluginInfo(self.name, (1, 0))


class Policy(Named):
    """Answers what it was given, or raises it."""

    def __init__(self, name: str, answer: object) -> None:
        super().__init__(name)
        self.answer = answer

    @hookimpl
    def submariner_choose_cable(self, offered: tuple[str, ...]) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @hookimpl
    def submariner_endpoint_accepted(self) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_method_with_the_same_parameters(hook: str) -> None:
    method = getattr(Hooks, hook.removeprefix(PREFIX))
    expected = list(inspect.signature(getattr(hooks, hook)).parameters.values())
    found = list(inspect.signature(method).parameters.values())[1:]
    assert [(p.name, p.kind, p.default) for p in found] == [
        (p.name, p.kind, p.default) for p in expected
    ]


def test_all_hooks_are_seen() -> None:
    assert len(HOOKS) == 15
    assert "submariner_plugin_info" in HOOKS


def test_an_observer_that_raises_is_counted_and_logged_and_stops_nobody() -> None:
    before, broken, after = (RecordingExtension(name) for name in ("before", "broken", "after"))
    broken.raising.add("submariner_endpoint_added")
    calls = Hooks.inline(before, broken, after)
    with capture_logs() as logs:
        calls.endpoint_added(ENDPOINT)
        calls.endpoint_added(ENDPOINT)
        calls.endpoint_removed(ENDPOINT)
    for observer in (before, broken, after):
        assert observer.hooks == [
            "submariner_endpoint_added",
            "submariner_endpoint_added",
            "submariner_endpoint_removed",
        ]
    assert calls.failures == {("broken", "submariner_endpoint_added"): 2}
    assert [(entry["plugin"], entry["hook"]) for entry in logs] == [
        ("broken", "submariner_endpoint_added")
    ] * 2


def test_every_event_reaches_the_observer_with_its_arguments() -> None:
    observer = RecordingExtension()
    calls = Hooks.inline(observer)
    calls.leadership_changed(active=True, epoch=7, cause="expired")
    calls.endpoint_updated(ENDPOINT, ENDPOINT)
    assert observer.events == [
        ("submariner_leadership_changed", (True, 7, "expired")),
        ("submariner_endpoint_updated", (ENDPOINT, ENDPOINT)),
    ]


def test_a_policy_can_only_strike_out() -> None:
    calls = Hooks.inline(Policy("adds", ("wireguard", "mine", "vxlan")), Policy("mute", None))
    assert calls.choose_cable(ENDPOINT, ("vxlan", "wireguard")) == ("vxlan", "wireguard")
    calls = Hooks.inline(Policy("a", ("vxlan", "libreswan")), Policy("b", ["wireguard", "vxlan"]))
    assert calls.choose_cable(ENDPOINT, ("wireguard", "libreswan", "vxlan")) == ("vxlan",)
    calls = Hooks.inline(Policy("none", ()))
    assert calls.choose_cable(ENDPOINT, ("vxlan",)) == ()


@pytest.mark.parametrize("answer", ["vxlan", 3, RuntimeError("no idea")])
def test_a_policy_that_misbehaves_has_no_opinion(answer: object) -> None:
    calls = Hooks.inline(Policy("odd", answer), Policy("sane", ("vxlan",)))
    assert calls.choose_cable(ENDPOINT, ("wireguard", "vxlan")) == ("vxlan",)
    assert calls.failures == {("odd", "submariner_choose_cable"): 1}


def test_the_first_refusal_of_an_endpoint_counts() -> None:
    calls = Hooks.inline(Policy("mute", None), Policy("one", "not on our list"))
    assert calls.endpoint_accepted(ENDPOINT) == "not on our list"
    assert Hooks.inline(Policy("mute", None)).endpoint_accepted(ENDPOINT) is None


@pytest.mark.parametrize("answer", [False, "", RuntimeError("no idea")])
def test_a_judge_that_misbehaves_refuses_nothing(answer: object) -> None:
    calls = Hooks.inline(Policy("odd", answer))
    assert calls.endpoint_accepted(ENDPOINT) is None
    assert calls.failures == {("odd", "submariner_endpoint_accepted"): 1}


def test_a_plugin_whose_commands_fail_is_an_error_for_who_asked() -> None:
    class Broken(Named):
        @hookimpl
        def submariner_register_commands(self, cli: click.Group) -> None:
            raise RuntimeError("no terminal")

    with pytest.raises(PluginError, match=r"this program.*raised RuntimeError"):
        Hooks.inline(Broken("broken")).register_commands(click.Group())


def test_metrics_of_one_plugin_may_fail_alone() -> None:
    registered = []

    class Metrics(Named):
        @hookimpl
        def submariner_register_metrics(self, registry: object) -> None:
            if self.name == "broken":
                raise ValueError("registered twice")
            registered.append((self.name, registry))

    calls = Hooks.inline(Metrics("broken"), Metrics("sound"))
    registry = object()
    calls.register_metrics(registry)  # type: ignore[arg-type]
    assert registered == [("sound", registry)]
    assert calls.failures == {("broken", "submariner_register_metrics"): 1}
