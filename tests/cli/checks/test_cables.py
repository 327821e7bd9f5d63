"""What cable drivers say of themselves."""

from __future__ import annotations

import pytest

from submariner_core.cli.checks.cables import cables
from submariner_core.cli.checks.finding import Verdict
from submariner_core.kernel import Kernel
from tests.cli.checks.conftest import PLUGINS, STORE, Shell, configured

pytestmark = [pytest.mark.netns, pytest.mark.usefixtures("node")]

WIREGUARD = {
    "plugins": {**PLUGINS, "cable": ["vxlan", "wireguard"]},
    "options": {
        "election": STORE,
        "datastore": STORE,
        "wireguard": {"psk": "the secret of a test"},
    },
}


async def test_each_driver_that_has_something_to_say_has_a_row(kernel: Kernel) -> None:
    (found,) = await cables(configured(kernel, **WIREGUARD))
    assert (found.check, found.verdict) == ("cable driver wireguard", Verdict.OK)
    assert found.detail == "no device submariner yet; implementation: auto"


async def test_a_device_in_the_way_of_a_driver_is_an_error(kernel: Kernel, shell: Shell) -> None:
    shell("ip link add submariner type bridge")
    (found,) = await cables(configured(kernel, **WIREGUARD))
    assert found.verdict is Verdict.ERROR
    assert "kind bridge" in found.detail
