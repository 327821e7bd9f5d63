"""What a real API server refuses, and what we say of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Missing
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import Resource, of_kind
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.api.transport import Kind, Record, Ref

pytestmark = pytest.mark.kube

Place = Callable[[], KubernetesOptions]
Open = Callable[..., KubernetesTransport]
Build = Callable[..., Record]
Client = Callable[..., KubeClient]


def with_token(options: KubernetesOptions, token: str) -> KubernetesOptions:
    return options.model_copy(update={"token": SecretStr(token), "token_file": None})


async def test_a_token_that_nobody_knows_is_named(
    namespace: Place, transport_to: Open, cluster: Build
) -> None:
    transport = transport_to(with_token(namespace(), "nobodys"))
    with pytest.raises(StoreUnavailable, match="token was refused"):
        await transport.put(cluster(), None)


async def test_a_token_file_that_is_rotated_is_read_again(
    namespace: Place, transport_to: Open, cluster: Build, tmp_path: Path
) -> None:
    options = namespace()
    assert options.token_file is not None
    good = options.token_file.read_text()
    file = tmp_path / "token"
    file.write_text("expired")
    transport = transport_to(options.model_copy(update={"token_file": file}))
    with pytest.raises(StoreUnavailable):
        await transport.put(cluster(), None)
    file.write_text(good)
    await transport.put(cluster(), None)


async def test_a_forbidden_write_names_who_may_not_do_what(
    control_plane: Any, namespace: Place, transport_to: Open, cluster: Build
) -> None:
    options = namespace()
    token = control_plane.admin.make_account(options.namespace, "gateway")
    transport = transport_to(with_token(options, token))
    with pytest.raises(StoreError, match=r"gateway.*cannot create.*clusters.*deploy/rbac"):
        await transport._client.create(of_kind(Kind.CLUSTER), {"metadata": {"name": "x"}})
    assert not isinstance(StoreError, StoreUnavailable)


async def test_a_missing_definition_says_which_command_installs_it(
    namespace: Place, client_to: Client
) -> None:
    with pytest.raises(StoreError, match="kubectl apply -k deploy/crds") as refusal:
        await client_to(namespace()).list(Resource("submariner.io", "v1", "absents"))
    assert not isinstance(refusal.value, (Missing, StoreUnavailable))


async def test_a_missing_namespace_says_which_command_makes_it(
    namespace: Place, transport_to: Open, cluster: Build
) -> None:
    options = namespace().model_copy(update={"namespace": "nowhere"})
    with pytest.raises(StoreError, match="kubectl create namespace nowhere"):
        await transport_to(options).put(cluster(), None)


async def test_a_record_that_breaks_its_definition_is_refused_with_the_field(
    namespace: Place, transport_to: Open
) -> None:
    record = Record(Ref(Kind.CLUSTER, "east"), {"spec": {"cluster_id": "east"}})
    with pytest.raises(StoreError, match=r"422.*cluster_cidr"):
        await transport_to(namespace()).put(record, None)


async def test_a_name_that_kubernetes_does_not_take_is_refused(
    namespace: Place, transport_to: Open, cluster: Build
) -> None:
    with pytest.raises(StoreError, match="422"):
        await transport_to(namespace()).put(cluster("No_Name"), None)


async def test_a_server_without_its_ca_is_not_trusted_unless_that_is_asked_for(
    namespace: Place, transport_to: Open, cluster: Build
) -> None:
    stranger = namespace().model_copy(update={"ca_file": None})
    with pytest.raises(StoreError, match=r"not trusted.*ca_file"):
        await transport_to(stranger).put(cluster(), None)
    await transport_to(stranger.model_copy(update={"insecure": True})).put(cluster(), None)


async def test_addresses_are_those_that_were_connected_to(
    namespace: Place, transport_to: Open, cluster: Build
) -> None:
    transport = transport_to(namespace())
    assert transport.addresses == ()
    await transport.put(cluster(), None)
    assert [str(address) for address in transport.addresses] == ["127.0.0.1"]


async def test_a_mounted_secret_gives_token_ca_and_namespace(
    namespace: Place, transport_to: Open, cluster: Build, tmp_path: Path
) -> None:
    options = namespace()
    assert options.token_file is not None
    assert options.ca_file is not None
    assert options.namespace is not None
    (tmp_path / "token").write_text(options.token_file.read_text())
    (tmp_path / "ca.crt").write_text(options.ca_file.read_text())
    (tmp_path / "namespace").write_text(options.namespace)
    mounted = KubernetesOptions(url=options.url, credentials=tmp_path)
    await transport_to(mounted).put(cluster("east", x=1), None)
    found = await transport_to(options)._client.get(of_kind(Kind.CLUSTER), "east")
    assert found["spec"]["x"] == 1
