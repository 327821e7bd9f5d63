"""The model: what it refuses, in which words, at which place."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.config import Settings, judge, load, load_document

GOOD = """\
cluster_id: east
cluster_cidr: [10.1.0.0/16]
service_cidr: [100.1.0.0/16]
plugins:
  cable: [wireguard, vxlan]
  election: k8s-lease
  datastore: k8s
options:
  wireguard: {port: 4500}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "g.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, *changes: tuple[str, str]) -> list[str]:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), {})
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_a_good_file_is_read(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD), {})
    assert settings.cluster_cidr == (ip_network("10.1.0.0/16"),)
    assert settings.plugins.cable == ("wireguard", "vxlan")
    assert settings.plugins.broker is None
    assert settings.options == {"wireguard": {"port": 4500}}
    assert (settings.lease.duration, settings.failover.warm) == (3.0, 2)


def test_empty_options_are_no_options(tmp_path: Path) -> None:
    text = GOOD.replace("  wireguard: {port: 4500}\n", "  wireguard:\n")
    assert load(write(tmp_path, text), {}).options == {"wireguard": {}}
    text = GOOD.replace("  wireguard: {port: 4500}\n", "")
    assert load(write(tmp_path, text), {}).options == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("east", "East", "g.yaml:1:13: cluster_id: must be lower-case letters"),
        ("east", "5", "g.yaml:1:13: cluster_id: must be a string; quote it"),
        ("cluster_id: east\n", "", "g.yaml:1:1: cluster_id: is required (or set SUBMARINER_CL"),
        ("  election: k8s-lease\n", "", "g.yaml:4:1: plugins.election: is required"),
        ("election:", "elektion:", "g.yaml:6:3: plugins.elektion: unknown key; did you mean 'el"),
        ("options:", "optoins:", "g.yaml:8:1: optoins: unknown key; did you mean 'options'?"),
        ("[wireguard, vxlan]", "[]", "g.yaml:5:10: plugins.cable: must have at least 1"),
        ("[wireguard, vxlan]", "vxlan", "g.yaml:5:10: plugins.cable: must be a list, such as"),
        ("[wireguard, vxlan]", "[../x]", "g.yaml:5:11: plugins.cable[0]: must be letters"),
        ("[wireguard, vxlan]", "[a, a]", "g.yaml:5:10: plugins.cable: 'a' is named twice"),
        ("[wireguard, vxlan]", "[route]", "g.yaml:5:10: plugins.cable: 'route' already means"),
        ("{port: 4500}", "4500", "g.yaml:9:14: options.wireguard: must be a mapping of names"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert any(line.startswith(message) for line in problems(tmp_path, (old, new)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lease: {duration: .inf}", "lease.duration: must be <= 86400"),
        ("lease: {duration: .nan}", "lease.duration: must be"),
        ("health_check: {interval: 1.0e-9}", "health_check.interval: must be >= 0.01"),
        ("health_check: {standby_interval: .inf}", "health_check.standby_interval: must be <= 36"),
        ("metrics: {address: localhost}", "metrics.address: 'localhost' is not an IP address"),
        ("private_ip: 127.0.0.1", "private_ip: 127.0.0.1: it contains loopback addresses"),
        ("private_ip: 0.0.0.0", "private_ip: 0.0.0.0: it contains unspecified addresses"),
        ("public_ip: 192.0.2.1", "public_ip: '192.0.2.1' must be method:value, such as ipv4:"),
        (
            "public_ip: 'lb:submariner-operator/gateway'",
            "public_ip: 'lb:submariner-operator/gateway': 'submariner-operator/gateway' must be",
        ),
        ("public_ip: 'ipv4:192.0.2.256'", "public_ip: Octet 256"),
        (
            "global_cidr: [241.9.0.0/16]",
            "global_cidr[0]: '241.9.0.0/16': it contains",
        ),
        ("global_cidr: [0.0.0.0/0]", "global_cidr[0]: '0.0.0.0/0': it is the default route"),
    ],
)
def test_a_value_that_cannot_work_is_refused_before_it_is_tried(
    tmp_path: Path, line: str, message: str
) -> None:
    [problem] = problems(tmp_path, ("options:", f"{line}\noptions:"))
    assert problem.startswith("g.yaml:8:")
    assert message in problem


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("10.1.2.3/16", "'10.1.2.3/16' has host bits set; did you mean 10.1.0.0/16?"),
        ("fd00::1/64", "'fd00::1/64' has host bits set; did you mean fd00::/64?"),
        ("10.1.0.0", "'10.1.0.0' has no prefix length; write one such as 10.1.0.0/16"),
        ("pods", "'pods' is not a CIDR; write one such as 10.1.0.0/16"),
        ("10", "must be a CIDR in a string, such as 10.1.0.0/16"),
        ("0.0.0.0/0", "'0.0.0.0/0': it is the default route; give the cluster's own range"),
        (
            "127.0.0.0/16",
            "'127.0.0.0/16': it contains loopback addresses; give the cluster's own range",
        ),
    ],
)
def test_a_wrong_cidr_says_what_was_meant(tmp_path: Path, cidr: str, words: str) -> None:
    (line,) = problems(tmp_path, ("[10.1.0.0/16]", f"[10.9.0.0/16, {cidr or ''}]"))
    assert line.startswith(f"g.yaml:2:29: cluster_cidr[1]: {words}")


def test_overlapping_ranges_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, ("[10.1.0.0/16]", "[10.1.0.0/16, 10.0.0.0/8]")) == [
        "g.yaml:2:15: cluster_cidr: 10.1.0.0/16 overlaps 10.0.0.0/8; every range must stand alone"
    ]
    (line,) = problems(tmp_path, ("[100.1.0.0/16]", "[10.1.128.0/17, fd00::/64]"))
    assert line.startswith(
        "g.yaml:3:15: service_cidr: 10.1.128.0/17 overlaps 10.1.0.0/16 of cluster_cidr; every"
    )


@pytest.mark.parametrize(
    ("lease", "message"),
    [
        (
            "{duration: 3, renew_deadline: 3}",
            "g.yaml:10:38: lease.renew_deadline: is 3 s and must be below duration, which is 3 s",
        ),
        (
            "{retry_period: 9}",
            "g.yaml:10:23: lease.retry_period: is 9 s and must be below renew_deadline, which",
        ),
        (  # the default of a field that is not written is judged too
            "{duration: 1}",
            "g.yaml:10:1: lease.renew_deadline: is 2 s and must be below duration, which is 1 s",
        ),
        ("{duration: 0}", "g.yaml:10:19: lease.duration: must be > 0"),
        ("{duration: soon}", "g.yaml:10:19: lease.duration: must be a number"),
    ],
)
def test_lease_timings_must_nest(tmp_path: Path, lease: str, message: str) -> None:
    assert problems(tmp_path, ("{port: 4500}\n", f"{{port: 4500}}\nlease: {lease}\n"))[
        0
    ].startswith(message)


def test_both_metrics_ports_of_a_node_differ(tmp_path: Path) -> None:
    ports = "metrics: {gateway_port: 9000, route_agent_port: 9000}\n"
    (line,) = problems(tmp_path, ("options:", f"{ports}options:"))
    assert line.startswith("g.yaml:8:49: metrics.route_agent_port: is 9000, as is gateway_port")
    off = GOOD + "metrics: {gateway_port: 0, route_agent_port: 0}\n"
    assert load(write(tmp_path, off), {}).metrics.gateway_port == 0


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    lines = problems(tmp_path, ("east", "East"), ("[10.1.0.0/16]", "10"), ("k8s\n", "[k8s]\n"))
    assert [line.split(": ")[1] for line in lines] == [
        "cluster_id",
        "cluster_cidr",
        "plugins.datastore",
    ]


def test_options_are_never_shown(tmp_path: Path) -> None:
    text = GOOD + "  broker: {token: s3cret}\nlease: {duration: s3cret}\n"
    document = load_document(write(tmp_path, text), {})
    with pytest.raises(ConfigError) as caught:
        judge(document)
    assert "s3cret" not in str(caught.value)
    settings = Settings.model_validate({**document.data, "lease": {}})
    assert settings.options["broker"]["token"] == "s3cret"
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)
