from __future__ import annotations

import pytest

from submariner_core.reconcile.election_identity import compose_identity, host_of, names


@pytest.mark.parametrize("host", ["node-1", "ip-10-0-0-1.ec2.internal", "an_odd_host"])
def test_the_host_is_read_back_out_of_an_identity(host: str) -> None:
    identity = compose_identity(host, "c0ffee00-1234-5678-9abc-def012345678", "8badf00d")
    assert identity == f"{host}_c0ffee00_8badf00d"
    assert host_of(identity) == host


def test_a_holder_of_another_form_is_its_own_host() -> None:
    assert host_of("node-1-submariner-gateway") == "node-1-submariner-gateway"


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("node-1_c0ffee00_8badf00d", True),
        ("node-1", True),
        ("node-1_c0ffee00_00000000", False),
        ("node", False),
        ("", False),
    ],
)
def test_an_entry_means_a_process_by_its_identity_or_its_host(entry: str, meant: bool) -> None:
    assert names(entry, "node-1_c0ffee00_8badf00d") is meant
