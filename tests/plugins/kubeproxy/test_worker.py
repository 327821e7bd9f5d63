"""A worker sends what is for other clusters to the gateway that carries."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.netns


async def test_a_pod_reaches_the_far_cluster_and_keeps_its_address(site):
    await site.apply_everywhere()
    with site.factory.entered(site.name["far"]):
        pass
    assert "1 received" in site.ping("pod", "10.2.0.2")


async def test_the_host_itself_reaches_the_far_cluster_from_its_cni_address(site):
    await site.apply_everywhere()
    assert "1 received" in site.ping("worker", "10.2.0.2")
