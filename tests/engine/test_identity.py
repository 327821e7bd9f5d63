from __future__ import annotations

from submariner_core.engine.identity import new_identity
from submariner_core.reconcile.election_identity import host_of


def test_each_process_start_has_an_identity_of_its_own_on_the_same_host() -> None:
    first, second = new_identity("node-1"), new_identity("node-1")
    assert first != second
    assert host_of(first) == host_of(second) == "node-1"
    assert first.rsplit("_", 1)[0] == second.rsplit("_", 1)[0], "the boot id is the same"
