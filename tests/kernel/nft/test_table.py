from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from submariner_core.kernel import KernelError, nft
from submariner_core.kernel import expressions as x

pytestmark = pytest.mark.netns

REMOTE = IPv4Network("10.2.0.0/16")
NAME = ("inet", "submariner-test")


def document(*remote: IPv4Network) -> list[x.Object]:
    return [
        x.named_counter("forwarded"),
        x.prefix_set("remote", remote),
        x.base_chain("forward", "filter", "forward", x.FILTER),
        x.base_chain("output", "filter", "output", x.FILTER),
        x.rule("forward", x.source("@remote"), x.count("forwarded"), comment="count remote"),
        x.rule("output", x.count("forwarded")),
    ]


async def handle() -> int:
    """Which table this is: a replaced one has another handle."""
    listed = await nft.list_table(*NAME)
    assert listed is not None
    return next(entry["table"]["handle"] for entry in listed if "table" in entry)


async def test_an_equal_document_is_a_no_op(netns):
    assert await nft.replace_table(*NAME, document(REMOTE))
    before = await handle()

    assert not await nft.replace_table(*NAME, document(REMOTE))
    assert await handle() == before


async def test_a_changed_document_replaces_the_whole_table(netns, shell):
    await nft.replace_table(*NAME, document(REMOTE))

    assert await nft.replace_table(*NAME, document(IPv4Network("10.3.0.0/16")))

    listing = shell("nft list ruleset")
    assert "10.3.0.0/16" in listing
    assert "10.2.0.0/16" not in listing
    assert listing.count("count remote") == 1


@pytest.mark.parametrize(
    "tampering",
    [
        "nft flush chain inet submariner-test forward",
        "nft flush set inet submariner-test remote",
        "nft add rule inet submariner-test forward drop",
        "nft add chain inet submariner-test other",
        "nft delete table inet submariner-test",
        "nft flush ruleset",
    ],
)
async def test_what_others_took_out_or_put_in_is_put_right(netns, shell, tampering):
    await nft.replace_table(*NAME, document(REMOTE))
    before = shell("nft list ruleset")
    shell(tampering)

    assert await nft.replace_table(*NAME, document(REMOTE))
    assert shell("nft list ruleset") == before


async def test_named_counters_survive_a_replacement(netns, shell):
    await nft.replace_table(*NAME, document(REMOTE))
    shell("ping -c 2 -i 0.01 -q 127.0.0.1")
    counted = await nft.counters(*NAME)
    assert counted["forwarded"][0] == 4  # two requests, two replies

    await nft.replace_table(*NAME, document(REMOTE, IPv4Network("10.3.0.0/16")))

    assert await nft.counters(*NAME) == counted


async def test_a_refused_document_changes_nothing_and_says_why(netns, shell):
    await nft.replace_table(*NAME, document(REMOTE))
    before = shell("nft list ruleset")
    broken = [*document(REMOTE), x.rule("no-such-chain", x.accept())]

    with pytest.raises(KernelError, match="replace nft table inet submariner-test: No such file"):
        await nft.replace_table(*NAME, broken)

    assert shell("nft list ruleset") == before


async def test_tables_of_others_stay(netns, shell):
    shell("nft add table inet theirs")
    await nft.replace_table(*NAME, document(REMOTE))

    assert await nft.delete_table(*NAME)
    assert not await nft.delete_table(*NAME)

    assert shell("nft list tables").strip() == "table inet theirs"


async def test_an_absent_table_lists_as_none_and_counts_nothing(netns):
    assert await nft.list_table(*NAME) is None
    assert await nft.counters(*NAME) == {}


async def test_a_listing_can_be_saved_and_loaded_again(netns, shell, tmp_path):
    await nft.replace_table(*NAME, document(REMOTE))

    shell(f"nft list ruleset > {tmp_path}/saved; nft flush ruleset; nft -f {tmp_path}/saved")

    assert not await nft.replace_table(*NAME, document(REMOTE))


async def test_a_missing_program_is_named_with_its_package(netns, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(KernelError, match="not on the PATH: install the package nftables"):
        await nft.list_table(*NAME)


async def test_a_hanging_program_is_ended_and_told(netns, monkeypatch, tmp_path):
    stuck = tmp_path / "nft"
    stuck.write_text("#!/bin/sh\nexec sleep 60\n")
    stuck.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("submariner_core.kernel.nft.program.TIMEOUT", 0.05)

    with pytest.raises(KernelError, match="nft did not answer"):
        await nft.list_table(*NAME)
