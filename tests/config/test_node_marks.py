"""What a node's labels and annotations do to settings, as upstream reads them."""

from __future__ import annotations

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.api.transport import NodeMarks
from submariner_core.config import Document, Settings, judge
from submariner_core.config.node_marks import MSS, of_a_gateway, of_a_node, relevant

PREFIX = "gateway.submariner.io/"


def configured(*cables: str, **more: object) -> Document:
    plugins = {"cable": list(cables), "election": "e", "datastore": "d", "route": "kubeproxy"}
    return Document("node.yaml", {"cluster_id": "east", "plugins": plugins, **more})


def gateway(document: Document, **annotations: str) -> Settings:
    marks = NodeMarks(
        {}, {f"{PREFIX}{key.replace('_', '-')}": v for key, v in annotations.items()}
    )
    return judge(of_a_gateway(document, "east-1", marks))


def test_a_nodes_word_wins_over_what_is_configured_for_all() -> None:
    document = configured(
        "libreswan",
        "vxlan",
        public_ip="ipv4:192.0.2.9",
        nat_discovery={"port": 4490},
        options={"libreswan": {"port": 4501, "psk": "x"}, "vxlan": {"port": 4700}},
    )
    found = gateway(
        document,
        public_ip="ipv4:192.0.2.1",
        udp_port="4600",
        natt_discovery_port="4491",
        preferred_server="true",
    )
    assert found.node_public_ip == "ipv4:192.0.2.1"
    assert found.public_ip == "ipv4:192.0.2.9"
    assert found.nat_discovery.port == 4491
    assert found.options["libreswan"] == {"port": 4600, "psk": "x", "preferred_server": True}
    assert found.options["vxlan"] == {"port": 4700}


def test_without_marks_nothing_changes() -> None:
    document = configured("vxlan")
    assert judge(of_a_gateway(document, "east-1", NodeMarks())) == judge(document)
    assert judge(of_a_node(document, "east-1", NodeMarks())) == judge(document)


def test_an_annotation_wins_over_a_label() -> None:
    key = f"{PREFIX}udp-port"
    both = NodeMarks({key: "4600"}, {key: "4601"})
    document = configured("vxlan")
    assert judge(of_a_gateway(document, "n", both)).options == {"vxlan": {"port": 4601}}
    label = NodeMarks({key: "4600"}, {})
    assert judge(of_a_gateway(document, "n", label)).options == {"vxlan": {"port": 4600}}


def test_unknown_keys_are_refused_all_by_name() -> None:
    marks = NodeMarks({f"{PREFIX}udpport": "1"}, {f"{PREFIX}publicip": "2", "other/key": "3"})
    with pytest.raises(ConfigError) as caught:
        of_a_gateway(configured("vxlan"), "east-1", marks)
    for words in ("node east-1", f"{PREFIX}publicip, {PREFIX}udpport", f"{PREFIX}udp-port"):
        assert words in str(caught.value)


@pytest.mark.parametrize("text", ["0", "", "no", "70000", "-1"])
def test_a_discovery_port_that_is_none_turns_discovery_off(text: str) -> None:
    assert gateway(configured("vxlan"), natt_discovery_port=text).nat_discovery.port == 0


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("udp_port", "70000", "annotation gateway.submariner.io/udp-port: must be a port"),
        ("preferred_server", "yes", "preferred-server: must be true or false"),
        ("public_ip", "192.0.2.1", "node east-1: annotation gateway.submariner.io/public-ip: "),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_place(key: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        gateway(configured("libreswan"), **{key: text})


def test_a_preferred_server_without_libreswan_means_nothing() -> None:
    assert gateway(configured("vxlan"), preferred_server="true").options == {}


@pytest.mark.parametrize(("text", "mss"), [("1200", 1200), ("0", None), ("much", None)])
def test_a_route_agents_segment_size_is_its_nodes(text: str, mss: int | None) -> None:
    found = judge(of_a_node(configured("vxlan"), "east-1", NodeMarks({}, {MSS: text})))
    assert found.options == ({} if mss is None else {"route": {"mss": mss}})


def test_a_route_agent_leaves_the_gateways_keys_to_the_gateway() -> None:
    marks = NodeMarks({}, {f"{PREFIX}unknown": "1"})
    assert judge(of_a_node(configured("vxlan"), "east-1", marks)).options == {}


def test_what_is_not_ours_is_left_out() -> None:
    marks = NodeMarks({"a": "b", f"{PREFIX}udp-port": "1"}, {MSS: "2", "submariner.io/x": "3"})
    assert relevant(marks) == NodeMarks({f"{PREFIX}udp-port": "1"}, {MSS: "2"})
