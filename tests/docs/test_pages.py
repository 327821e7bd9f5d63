"""What the pages show exists: commands, links, settings files, the tutorial's driver."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from submariner_core.cli.main import main
from submariner_core.loading import load_from
from tests.docs.pages import PAGES, ROOT, blocks, text

CONTEXT = click.Context(main)
CODE = re.compile(r"`(submariner [^`]+)`|^ {4,}(?:\S*/)?(submariner .+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    for match in CODE.finditer(page.read_text("utf-8")):
        line = (match[1] or match[2]).partition("#")[0]
        words = line.split()[1:]
        command = main.get_command(CONTEXT, words[0])
        if words[0].isupper():
            continue  # "submariner COMMAND"
        assert command is not None, line
        while isinstance(command, click.Group) and len(words) > 1 and words[1][0].isalpha():
            words = words[1:]
            command = command.get_command(CONTEXT, words[0])
            assert command is not None, line
        given = set(re.findall(r"(?<!\S)--?[a-z][\w-]*", line))
        known = {option for one in command.get_params(CONTEXT) for option in one.opts}
        assert given <= known, line


def test_the_pages_name_every_command() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in PAGES)
    named = {(match[1] or match[2]).split()[1] for match in CODE.finditer(pages)}
    assert set(main.list_commands(CONTEXT)) <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        found = page.parent / path if path else page
        assert found.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor in slugs, target


def test_every_page_is_reached_from_the_index() -> None:
    index = text("docs/index.md")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.name not in index] == [
        "index.md"
    ]


@pytest.mark.parametrize("block", blocks(text("README.md"), "yaml"), ids=["nodes", "two"])
def test_the_settings_in_the_readme_are_right(block: str, tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(block)
    loaded = load_from(path, {})
    assert loaded.settings.cluster_id == "east"
    assert loaded.cable_ports() == (4500,)


def test_the_tutorials_driver_is_the_one_that_is_tested() -> None:
    driver = text("plugins/example/submariner_direct/plugin.py")
    assert blocks(text("CONTRIBUTING.md"), "python") == [driver]
    assert len(driver.splitlines()) < 40


def test_the_limits_are_stated_by_name() -> None:
    limits = text("README.md").partition("## What it does not do")[2]
    for name in (
        "no standby for IPsec", "vxlan does not", "public address", "clusterset.local",
        "Globalnet", "OVN", "load-balancer", "IPv4 only", "fencing of upstream", "libreswan",
    ):  # fmt: skip
        assert name in limits
