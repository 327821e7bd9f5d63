"""Upstream's environment: alone it is enough; a file wins over it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.config import Task, load, requested_task
from submariner_core.config.variables import VARIABLES

# what upstream's operator writes into a gateway's DaemonSet
UPSTREAM = {
    "SUBMARINER_CLUSTERID": "east",
    "SUBMARINER_NAMESPACE": "submariner-operator",
    "SUBMARINER_CLUSTERCIDR": "10.1.0.0/16, 10.2.0.0/16",
    "SUBMARINER_SERVICECIDR": "100.1.0.0/16",
    "SUBMARINER_GLOBALCIDR": "",
    "SUBMARINER_CABLEDRIVER": "wireguard",
    "SUBMARINER_NATENABLED": "true",
    "SUBMARINER_PUBLICIP": "",
    "SUBMARINER_HEALTHCHECKENABLED": "true",
    "SUBMARINER_HEALTHCHECKINTERVAL": "1",
    "SUBMARINER_HEALTHCHECKMAXPACKETLOSSCOUNT": "5",
    "SUBMARINER_METRICSPORT": "32780",
    "SUBMARINER_DEBUG": "false",
    "BROKER_K8S_APISERVER": "broker.example:6443",
    "BROKER_K8S_APISERVERTOKEN": "s3cret",
    "BROKER_K8S_CA": base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode(),
    "BROKER_K8S_REMOTENAMESPACE": "submariner-k8s-broker",
    "BROKER_K8S_INSECURE": "false",
    "BROKER_K8S_SECRET": "submariner-broker-secret",
    "CE_IPSEC_PSK": "s3cret",
    "CE_IPSEC_NATTPORT": "4501",
    "CE_IPSEC_DEBUG": "false",
    "NODE_NAME": "worker-1",
}


def refusal(environ: dict[str, str], path: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return str(caught.value)


def test_a_daemonset_made_for_upstream_is_enough() -> None:
    settings = load(None, UPSTREAM)
    assert settings.cluster_id == "east"
    assert [str(cidr) for cidr in settings.cluster_cidr] == ["10.1.0.0/16", "10.2.0.0/16"]
    assert settings.global_cidr == ()
    assert settings.plugins.model_dump() == {
        "cable": ("wireguard",),
        "election": "k8s-lease",
        "datastore": "k8s",
        "broker": "k8s",
        "route": "kubeproxy",
        "extension": (),
    }
    assert settings.options == {
        "datastore": {"namespace": "submariner-operator"},
        "election": {"namespace": "submariner-operator"},
        "broker": {
            "url": "https://broker.example:6443",
            "token": "s3cret",
            "ca": "-----BEGIN CERTIFICATE-----\n",
            "namespace": "submariner-k8s-broker",
            "insecure": False,
            "credentials": "/run/secrets/submariner.io/submariner-broker-secret",
        },
        "wireguard": {"port": 4501, "psk": "s3cret"},
    }
    assert settings.node_name == "worker-1"
    assert settings.nat_enabled is True


def test_what_upstreams_operator_always_writes_does_not_slow_us_down() -> None:
    settings = load(None, UPSTREAM)
    assert (settings.health_check.interval, settings.health_check.misses) == (0.1, 3)
    chosen = {
        "SUBMARINER_HEALTHCHECKINTERVAL": "4",
        "SUBMARINER_HEALTHCHECKMAXPACKETLOSSCOUNT": "8",
    }
    settings = load(None, {**UPSTREAM, **chosen})
    assert (settings.health_check.interval, settings.health_check.misses) == (4.0, 8)


def test_the_least_environment_gives_upstreams_defaults() -> None:
    settings = load(None, {"SUBMARINER_CLUSTERID": "east"})
    assert settings.plugins.cable == ("libreswan",)
    assert settings.plugins.broker is None
    assert settings.options == {}


@pytest.mark.parametrize(
    ("name", "text", "part", "value"),
    [
        ("LEADERSHIP_LEASEDURATION", "15", ("lease", "duration"), 15.0),
        ("LEADERSHIP_RENEWDEADLINE", "1", ("lease", "renew_deadline"), 1.0),
        ("LEADERSHIP_RETRYPERIOD", "0", ("lease", "retry_period"), 0.5),
        ("SUBMARINER_DEBUG", "true", ("log", "level"), "debug"),
        ("SUBMARINER_PROFILEPORT", "9001", ("metrics", "route_agent_port"), 9001),
        ("SUBMARINER_HEALTHCHECKENABLED", "F", ("health_check", "enabled"), False),
        ("SUBMARINER_PUBLICIP", "api:ifconfig.me", ("public_ip",), "api:ifconfig.me"),
    ],
)
def test_a_variable_gives_its_setting(
    name: str, text: str, part: tuple[str, ...], value: object
) -> None:
    found: Any = load(None, {**UPSTREAM, name: text})
    for step in part:
        found = getattr(found, step)
    assert found == value


def test_libreswan_takes_all_of_ce_ipsec() -> None:
    environ = {
        "SUBMARINER_CLUSTERID": "east",
        "CE_IPSEC_PSKSECRET": "submariner-ipsec-psk",
        "CE_IPSEC_FORCEENCAPS": "true",
        "CE_IPSEC_PREFERREDSERVER": "true",
        "CE_IPSEC_LOGFILE": "/var/log/pluto.log",
    }
    assert load(None, environ).options["libreswan"] == {
        "psk_file": "/var/run/secrets/submariner.io/submariner-ipsec-psk/psk",
        "force_encaps": True,
        "preferred_server": True,
        "log_file": "/var/log/pluto.log",
    }


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("SUBMARINER_NATENABLED", "maybe", "SUBMARINER_NATENABLED: must be true or false"),
        ("SUBMARINER_METRICSPORT", "x", "SUBMARINER_METRICSPORT: must be a whole number"),
        (
            "SUBMARINER_METRICSPORT",
            "70000",
            "SUBMARINER_METRICSPORT: metrics.gateway_port: must be <= 65535",
        ),
        (
            "SUBMARINER_CLUSTERCIDR",
            "10.1.0.0/16,10.2.3.0/16",
            "SUBMARINER_CLUSTERCIDR: cluster_cidr[1]: '10.2.3.0/16' has host bits set",
        ),
        ("BROKER_K8S_CA", "s3cret!", "BROKER_K8S_CA: must be the base64 of a PEM bundle"),
        (
            "SUBMARINER_NETWORKPLUGIN",
            "OVNKubernetes",
            "SUBMARINER_NETWORKPLUGIN: there is no route driver for OVNKubernetes; a CNI",
        ),
        (
            "LEADERSHIP_LEASEDURATION",
            "1",
            "environment: lease.renew_deadline: is 2 s and must be below duration, which is 1 s",
        ),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, message: str) -> None:
    assert refusal({**UPSTREAM, name: text}).startswith(message)


def test_nothing_at_all_says_what_to_give() -> None:
    assert refusal({"NODE_NAME": "x"}) == (
        "no settings: give a file (--config FILE, check FILE, or SUBMARINER_CONFIG), "
        "or set SUBMARINER_CLUSTERID"
    )


def test_no_secret_is_ever_shown() -> None:
    settings = load(None, UPSTREAM)
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in refusal({**UPSTREAM, "SUBMARINER_CLUSTERID": "East"})


def test_a_file_wins_over_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(
        "cluster_id: west\ncluster_cidr: [10.9.0.0/16]\nnode_name: mine\n"
        "plugins: {cable: [vxlan], election: local, datastore: local, broker: k8s}\n"
        "options: {broker: {namespace: elsewhere}}\n"
    )
    settings = load(path, UPSTREAM)
    assert (settings.cluster_id, settings.node_name) == ("west", "mine")
    assert [str(cidr) for cidr in settings.cluster_cidr] == ["10.9.0.0/16"]
    assert settings.plugins.route is None  # a file that names plugins names all of them
    assert settings.nat_enabled is True
    # options of the environment go to the plugins that are really used
    assert set(settings.options) == {"broker", "vxlan"}
    assert settings.options["broker"]["namespace"] == "elsewhere"
    assert settings.options["broker"]["token"] == "s3cret"


def test_a_file_without_plugins_needs_an_environment_that_has_them(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("cluster_id: west\n")
    assert f"{path}:1:1: plugins: is required" in refusal({"NODE_NAME": "x"}, path)
    assert load(path, UPSTREAM).plugins.cable == ("wireguard",)


def test_upstreams_tasks_are_recognised() -> None:
    assert requested_task({}) is Task.RUN
    assert requested_task({"SUBMARINER_UNINSTALL": "false"}) is Task.RUN
    assert requested_task({"SUBMARINER_UNINSTALL": "true"}) is Task.UNINSTALL
    assert requested_task({"SUBMARINER_WAITFORNODE": "true"}) is Task.WAIT_FOR_NODE
    with pytest.raises(ConfigError, match="SUBMARINER_UNINSTALL: must be true or false"):
        requested_task({"SUBMARINER_UNINSTALL": "perhaps"})


def test_no_two_rows_give_one_setting() -> None:
    places = [variable.loc for variable in VARIABLES]
    assert len(places) == len(set(places))


@pytest.mark.parametrize(
    ("air_gapped", "public_ip", "asked"),
    [
        ("true", "ipv4:192.0.2.1,api:ifconfig.example", "ipv4:192.0.2.1"),
        ("true", "api:ifconfig.example,ipv4:192.0.2.1", ""),
        ("true", "", ""),
        ("True", "api:ifconfig.example", "api:ifconfig.example"),
        ("", "api:ifconfig.example", "api:ifconfig.example"),
    ],
)
def test_an_air_gapped_gateway_asks_nobody_for_its_public_address(
    air_gapped: str, public_ip: str, asked: str
) -> None:
    environ = {"AIR_GAPPED_DEPLOYMENT": air_gapped, "SUBMARINER_PUBLICIP": public_ip}
    assert load(None, {**UPSTREAM, **environ}).own_public_ip == asked
