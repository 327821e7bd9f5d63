"""Rows for people and for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest
from ruamel.yaml import YAML

from submariner_core.api.info import Capability
from submariner_core.api.model import HAStatus
from submariner_core.cli.output import Column, cell, plain, render

COLUMNS = (Column("cluster_id"), Column("gateway"), Column("notes", wide=True))
ROWS = (
    {"cluster_id": "east", "gateway": ip_address("10.0.0.1"), "notes": ("[red]", "x" * 120)},
    {"cluster_id": "west", "gateway": None, "notes": ()},
)


@dataclass(frozen=True, slots=True)
class Pair:
    one: int
    other: object


@pytest.mark.parametrize(
    ("value", "json_value", "text"),
    [
        (None, None, "-"),
        ("", "", "-"),
        (True, True, "yes"),
        (0, 0, "0"),
        (0.25, 0.25, "0.25"),
        (HAStatus.ACTIVE, "active", "active"),
        (Capability.NAT | Capability.STANDBY, ["standby", "nat"], "standby, nat"),
        (Capability.NONE, [], "-"),
        (ip_network("10.0.0.0/8"), "10.0.0.0/8", "10.0.0.0/8"),
        ((1, "a"), [1, "a"], "1, a"),
        ({"b": 1}, {"b": 1}, "b=1"),
        (Pair(1, HAStatus.PASSIVE), {"one": 1, "other": "passive"}, "one=1, other=passive"),
    ],
)
def test_a_value_has_one_form_for_programs_and_one_for_people(
    value: object, json_value: object, text: str
) -> None:
    assert plain(value) == json_value
    assert type(plain(value)) is type(json_value)
    assert cell(value) == text


def test_a_table_has_titles_and_a_dash_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    render(ROWS, COLUMNS, "table")
    assert capsys.readouterr().out.splitlines() == [
        "CLUSTER ID  GATEWAY",
        "east        10.0.0.1",
        "west        -",
    ]


def test_a_wide_table_is_not_folded_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    render(ROWS, COLUMNS, "wide")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["CLUSTER", "ID", "GATEWAY", "NOTES"]
    assert lines[1].endswith("[red], " + "x" * 120)
    assert len(lines) == 3


def test_programs_get_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    render(ROWS, COLUMNS[:1], "json")
    rows = json.loads(capsys.readouterr().out)
    assert rows[1] == {"cluster_id": "west", "gateway": None, "notes": []}
    render(ROWS, COLUMNS[:1], "yaml")
    assert YAML(typ="safe").load(capsys.readouterr().out) == rows


def test_no_rows_are_an_empty_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    render((), COLUMNS, "json")
    assert json.loads(capsys.readouterr().out) == []
    render((), COLUMNS, "table")
    assert capsys.readouterr().out == "CLUSTER ID  GATEWAY\n"
