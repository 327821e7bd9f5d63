"""The options model: one server, said in one way."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from submariner_kubernetes.options import KubernetesOptions


def test_upstreams_broker_settings_are_taken_together() -> None:
    options = KubernetesOptions.model_validate(
        {
            "url": "https://192.0.2.1:6443/",
            "namespace": "submariner-k8s-broker",
            "credentials": "/run/secrets/submariner.io/broker",
            "token": "hush-hush",
            "ca": "PEM",
            "insecure": False,
        }
    )
    assert options.url == "https://192.0.2.1:6443"
    assert "hush-hush" not in repr(options)
    assert options.lease_timeout == 1.0


def test_nothing_at_all_means_the_pods_own_api_server() -> None:
    assert KubernetesOptions().url is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"url": "https://x", "kubeconfig": "/k"}, "not both"),
        ({"context": "west"}, "give that too"),
        ({"token": "t"}, "token belongs to a url"),
        ({"insecure": True}, "insecure belongs to a url"),
        ({"url": "http://192.0.2.1:8080"}, "insecure: true"),
        ({"url": "192.0.2.1:6443"}, "https://HOST:PORT"),
        ({"url": "https://192.0.2.1:port"}, "port"),
        ({"url": "https://x", "namespace": "Not_A_Name"}, "pattern"),
        ({"url": "https://x", "timeout": 0}, "greater than 0"),
        ({"server": "https://x"}, "not permitted"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        KubernetesOptions.model_validate(given)
